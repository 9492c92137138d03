/** Laws of clients: one row for each name and channel, the latest fifty, erased with the account. */
import { expect, test } from "vitest";

import { api } from "../../convex/_generated/api";
import { failureOf, newBackend, useDeployment, User } from "./world";

useDeployment();

const START = Date.UTC(2026, 0, 1);

async function record(user: User, name: string, at: number, via: "mcp" | "api" = "mcp") {
  await user.mutate(api.clients.record, { clients: [{ name, via, at }] });
}

test("a client keeps its first time, and its latest never goes back", async () => {
  const ann = new User(newBackend());
  for (const at of [1000, 3000, 2000]) {
    await record(ann, "cursor", at);
  }
  await record(ann, "cursor", 1500, "api");
  expect(await ann.query(api.clients.list, {})).toEqual([
    { name: "cursor", via: "mcp", firstSeenAt: 1000, lastSeenAt: 3000 },
    { name: "cursor", via: "api", firstSeenAt: 1500, lastSeenAt: 1500 },
  ]);
  await record(ann, "cursor", START + 999_999);
  const [latest] = await ann.query(api.clients.list, {});
  expect(latest?.lastSeenAt).toBe(START);
  expect(await ann.query(api.audit.list, { limit: 5 })).toMatchObject({ items: [] });
});

test("the fifty that were seen last stay", async () => {
  const ann = new User(newBackend());
  const bob = new User(ann.backend, "user_bob");
  await record(bob, "kept", 1);
  for (let number = 0; number < 55; number += 1) {
    await record(ann, `client-${number}`, 1000 + number);
  }
  const clients = await ann.query(api.clients.list, {});
  expect(clients).toHaveLength(50);
  expect([clients.at(0)?.name, clients.at(-1)?.name]).toEqual(["client-54", "client-5"]);
  expect(await bob.query(api.clients.list, {})).toHaveLength(1);
  const rows = await ann.backend.run(async ({ db }) => await db.query("clients").collect());
  expect(rows).toHaveLength(51);
});

test("an erased account has no clients and gets none", async () => {
  const ann = new User(newBackend());
  await record(ann, "cursor", 1);
  await ann.mutate(api.accounts.erase, {});
  expect(await ann.query(api.clients.list, {})).toEqual([]);
  await record(ann, "late", 2);
  expect(await ann.query(api.clients.list, {})).toEqual([]);
});

test("a malformed client is refused", async () => {
  const ann = new User(newBackend());
  const clients = (name: string, at: number, count = 1) => ({
    clients: Array(count).fill({ name, via: "mcp" as const, at }),
  });
  for (const args of [clients("x".repeat(65), 1), clients("x", -1), clients("x", 1, 51)]) {
    const refusal = await failureOf(ann.mutate(api.clients.record, args));
    expect(refusal).toMatchObject({ code: "INVALID_ARGUMENT", field: "clients" });
  }
});
