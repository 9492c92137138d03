/** Laws of customers: one for each user, the latest state, leases, events, erasure. */
import { describe, expect, test } from "vitest";

import { api, internal } from "../../convex/_generated/api";
import { CHECK_EVERY_MS, EVENT_DAYS, LEASE_MS, LEASED_MAX } from "../../convex/limits";
import type { Subscription } from "../../convex/shapes";
import {
  API_KEY,
  DAY_MS,
  failureOf,
  finish,
  newBackend,
  pass,
  useDeployment,
  User,
  type Backend,
} from "./world";

useDeployment();

const CUSTOMER = "cus_1";
const PRICE = { id: "price_1", amount: 500, currency: "usd", interval: "month" } as const;

function state(parts: Partial<Subscription> = {}): Subscription {
  return {
    id: "sub_1",
    status: "active",
    price: PRICE,
    isLive: false,
    createdAt: 1000,
    periodEnd: 2000,
    ...parts,
  };
}

/** The functions of the system on a backend. */
function systemOf(backend: Backend) {
  const { subscriptions } = api;
  const customer = CUSTOMER;
  return {
    begin: (customer = CUSTOMER) =>
      backend.mutation(subscriptions.beginSync, { apiKey: API_KEY, customer }),
    finish: (sequence: number, subscription?: Subscription, event?: string) =>
      backend.mutation(subscriptions.finishSync, {
        apiKey: API_KEY,
        customer,
        sequence,
        subscription,
        event,
      }),
    isProcessed: (event: string) =>
      backend.query(subscriptions.isProcessed, { apiKey: API_KEY, event }),
    lease: (work: "compare" | "erase", limit = LEASED_MAX) =>
      backend.mutation(subscriptions.lease, { apiKey: API_KEY, work, limit }),
    hasToErase: () => backend.query(subscriptions.hasCustomersToErase, { apiKey: API_KEY }),
    forget: () => backend.mutation(subscriptions.forget, { apiKey: API_KEY, customer }),
  };
}

/** A user with a customer, and the system beside them. */
async function bound() {
  const backend = newBackend();
  const ann = new User(backend);
  await ann.mutate(api.subscriptions.bind, { customer: CUSTOMER });
  return { backend, ann, system: systemOf(backend) };
}

const kept = async (user: User) =>
  (await user.query(api.subscriptions.get, {}))?.subscription ?? null;

describe("a customer", () => {
  test("is bound once, and no other user's", async () => {
    const { backend, ann } = await bound();
    const bind = (user: User, customer: string) =>
      user.mutate(api.subscriptions.bind, { customer });
    expect(await bind(ann, "cus_2")).toBe(CUSTOMER);
    const bob = new User(backend, "user_bob");
    expect(await failureOf(bind(bob, CUSTOMER))).toEqual({ code: "CUSTOMER_TAKEN" });
    expect(await bob.query(api.subscriptions.get, {})).toBeNull();
    expect(await bind(bob, "cus_2")).toBe("cus_2");
    for (const customer of ["", "cus-1", "cus_\n", "x".repeat(256)]) {
      const refusal = await failureOf(bind(new User(backend, "user_eve"), customer));
      expect(refusal).toMatchObject({ code: "INVALID_ARGUMENT", field: "customer" });
    }
  });

  test("has its subscription in the answer about the account", async () => {
    const { ann, system } = await bound();
    const ensured = await ann.mutate(api.accounts.ensure, {});
    expect(ensured).toEqual({ createdAt: Date.now(), created: true, subscription: null });
    await system.finish(1, state());
    expect(await ann.mutate(api.accounts.ensure, {})).toMatchObject({
      created: false,
      subscription: state(),
    });
    const bob = new User(ann.backend, "user_bob");
    expect(await bob.mutate(api.accounts.ensure, {})).toMatchObject({ subscription: null });
  });

  test("that is unknown or malformed keeps nothing", async () => {
    const system = systemOf(newBackend());
    for (const customer of ["cus_2", "", "cus-1", "\u0000", "x".repeat(5000)]) {
      expect(await system.begin(customer)).toBeNull();
    }
    expect(await system.finish(1, state(), "evt_1")).toEqual({
      owner: null,
      kept: false,
      changed: false,
    });
    expect(await system.isProcessed("evt_1")).toBe(false);
    expect(await system.forget()).toBeNull();
  });
});

describe("a state", () => {
  test("of an earlier sequence never replaces a later one, and its event counts", async () => {
    const { ann, system } = await bound();
    const [first, second] = [await system.begin(), await system.begin()];
    expect([first, second]).toEqual([1, 2]);
    const later = state({ status: "canceled" });
    const owner = "user_ann";
    const keeping = await system.finish(2, later, "evt_2");
    expect(keeping).toEqual({ owner, kept: true, changed: true });
    const late = await system.finish(1, state(), "evt_1");
    expect(late).toEqual({ owner, kept: false, changed: false });
    const repeated = await system.finish(2, later, "evt_2");
    expect(repeated).toEqual({ owner, kept: true, changed: false });
    expect(await kept(ann)).toEqual(later);
    expect(await system.isProcessed("evt_1")).toBe(true);
    expect(await system.isProcessed("evt_2")).toBe(true);
    await system.finish(3);
    expect(await kept(ann)).toBeNull();
  });

  test("is kept as it is, whatever was kept before", async () => {
    const { ann, system } = await bound();
    const priceless = state();
    delete priceless.price;
    const due = (pastDueSince: number) => state({ status: "past_due", pastDueSince });
    for (const subscription of [due(5000), due(9000), priceless, due(3000), state()]) {
      await system.finish((await system.begin()) ?? expect.fail(), subscription);
      expect(await kept(ann)).toEqual(subscription);
    }
  });

  test("that is malformed is refused, and nothing is written", async () => {
    const { ann, system } = await bound();
    const refused: [Subscription, string][] = [
      [state({ id: "sub 1" }), "subscription.id"],
      [state({ createdAt: 0.5 }), "subscription"],
      [state({ price: { ...PRICE, amount: 2 ** 60 } }), "subscription"],
      [state({ price: { ...PRICE, id: "x".repeat(5000) } }), "subscription.price"],
    ];
    for (const [subscription, field] of refused) {
      const refusal = await failureOf(system.finish(1, subscription, "evt_1"));
      expect(refusal).toMatchObject({ code: "INVALID_ARGUMENT", field });
    }
    expect(await failureOf(system.finish(1, state(), "evt 1"))).toMatchObject({ field: "event" });
    expect(await failureOf(system.finish(-1, state()))).toMatchObject({ field: "sequence" });
    expect(await kept(ann)).toBeNull();
    expect(await system.isProcessed("evt_1")).toBe(false);
  });
});

describe("a lease", () => {
  test("is one caller's, and ends by itself or with a state", async () => {
    const { system } = await bound();
    pass(CHECK_EVERY_MS - 1);
    expect(await system.lease("compare")).toEqual([]);
    pass(1);
    expect(await system.lease("compare")).toEqual([{ customer: CUSTOMER, sequence: 1 }]);
    expect(await system.lease("compare")).toEqual([]);
    pass(LEASE_MS);
    const [leased] = await system.lease("compare");
    expect(leased).toEqual({ customer: CUSTOMER, sequence: 2 });
    await system.finish(2, state());
    pass(CHECK_EVERY_MS - 1);
    expect(await system.lease("compare")).toEqual([]);
    expect(await system.lease("erase")).toEqual([]);
  });

  test("takes at most as many as the limit, those first that wait the longest", async () => {
    const backend = newBackend();
    for (let number = 0; number < 5; number += 1) {
      const user = new User(backend, `user_${number}`);
      await user.mutate(api.subscriptions.bind, { customer: `cus_${number}` });
      pass(1);
    }
    pass(CHECK_EVERY_MS);
    const system = systemOf(backend);
    const customers = async (limit: number) =>
      (await system.lease("compare", limit)).map(({ customer }) => customer);
    expect(await customers(2)).toEqual(["cus_0", "cus_1"]);
    expect(await customers(LEASED_MAX)).toEqual(["cus_2", "cus_3", "cus_4"]);
    for (const limit of [0, 0.5, LEASED_MAX + 1]) {
      expect(await failureOf(system.lease("compare", limit))).toMatchObject({ field: "limit" });
    }
  });

  test("of the greatest number stays within the limits of a transaction", async () => {
    const backend = newBackend();
    await backend.run(async ({ db }) => {
      for (let number = 0; number < LEASED_MAX + 1; number += 1) {
        const ids = { userId: `user_${number}`, customer: `cus_${number}` };
        const row = { erased: false, dueAt: 0, sequence: 0, keptSequence: 0 };
        await db.insert("subscriptions", { ...ids, ...row, subscription: state() });
      }
    });
    expect(await systemOf(backend).lease("compare")).toHaveLength(LEASED_MAX);
    expect(await systemOf(backend).lease("compare")).toHaveLength(1);
  });
});

describe("an erasure", () => {
  test("leaves the id alone, which waits to be deleted at Stripe", async () => {
    const { backend, ann, system } = await bound();
    const bob = new User(backend, "user_bob");
    await bob.mutate(api.subscriptions.bind, { customer: "cus_bob" });
    const sequence = (await system.begin()) ?? expect.fail();
    await system.finish(sequence, state(), "evt_1");
    await ann.mutate(api.accounts.erase, {});
    const rows = await backend.run(async ({ db }) => await db.query("subscriptions").collect());
    expect(rows).toHaveLength(2);
    expect(JSON.stringify(rows)).not.toMatch(/user_ann|sub_1|price_1/);

    expect(await failureOf(ann.query(api.subscriptions.get, {}))).toEqual({
      code: "ACCOUNT_ERASED",
    });
    expect(await system.hasToErase()).toBe(true);
    const bind = (customer: string) => ann.mutate(api.subscriptions.bind, { customer });
    expect(await failureOf(bind(CUSTOMER))).toEqual({ code: "ACCOUNT_ERASED" });
    expect(await failureOf(bind("cus_2"))).toEqual({ code: "ACCOUNT_ERASED" });
    expect(await system.begin()).toBeNull();
    const late = await system.finish(sequence + 1, state(), "evt_2");
    expect(late).toEqual({ owner: null, kept: false, changed: false });
    expect(await system.isProcessed("evt_2")).toBe(false);
    const eve = new User(backend, "user_eve");
    const stolen = eve.mutate(api.subscriptions.bind, { customer: CUSTOMER });
    expect(await failureOf(stolen)).toEqual({ code: "CUSTOMER_TAKEN" });

    expect(await system.lease("erase")).toMatchObject([{ customer: CUSTOMER }]);
    expect(await system.lease("erase")).toEqual([]);
    pass(LEASE_MS);
    expect(await system.lease("erase")).toMatchObject([{ customer: CUSTOMER }]);
    expect(await system.hasToErase()).toBe(true);
    await system.forget();
    expect(await system.hasToErase()).toBe(false);
    pass(LEASE_MS);
    expect(await system.lease("erase")).toEqual([]);
    expect(await bob.query(api.subscriptions.get, {})).toEqual({
      customer: "cus_bob",
      subscription: null,
    });
  });

  test("comes before a comparison that was begun", async () => {
    const { ann, system } = await bound();
    pass(CHECK_EVERY_MS);
    expect(await system.lease("compare")).toHaveLength(1);
    await ann.mutate(api.accounts.erase, {});
    expect(await system.lease("erase")).toHaveLength(1);
    expect(await system.lease("compare")).toEqual([]);
  });

  test("of the account itself, after its days, leaves the customer waiting", async () => {
    const { backend, ann, system } = await bound();
    await ann.mutate(api.accounts.erase, {});
    await finish(backend);
    pass(31 * DAY_MS);
    await backend.mutation(internal.maintenance.purgeAccounts, {});
    await finish(backend);
    expect(await system.lease("erase")).toMatchObject([{ customer: CUSTOMER }]);
  });
});

test("a customer that was deleted at Stripe can be followed by another", async () => {
  const { ann, system } = await bound();
  await system.finish(1, state());
  await system.forget();
  expect(await ann.query(api.subscriptions.get, {})).toBeNull();
  expect(await ann.mutate(api.subscriptions.bind, { customer: "cus_2" })).toBe("cus_2");
});

test("events are kept for their days, and purged in batches", async () => {
  const { backend, system } = await bound();
  await system.finish(1, state(), "evt_1");
  await system.finish(2, state(), "evt_1");
  await backend.run(async ({ db }) => {
    for (let number = 0; number < 600; number += 1) {
      await db.insert("stripeEvents", { event: `evt_old_${number}`, at: 1 });
    }
  });
  pass(EVENT_DAYS * DAY_MS);
  await backend.mutation(internal.maintenance.purgeEvents, {});
  await finish(backend);
  const left = async () => await backend.run(({ db }) => db.query("stripeEvents").collect());
  expect(await left()).toHaveLength(1);
  expect(await system.isProcessed("evt_1")).toBe(true);
  pass(1);
  expect(await system.isProcessed("evt_1")).toBe(false);
  await backend.mutation(internal.maintenance.purgeEvents, {});
  expect(await left()).toEqual([]);
});
