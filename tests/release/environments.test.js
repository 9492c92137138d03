// Production beside staging: the two Fly files and the two workflows that deploy have the same shape.

import assert from "node:assert/strict";
import { test } from "node:test";

import { parse as parseToml } from "smol-toml";
import { parse as parseYaml } from "yaml";

import { readFile } from "../clients/documents.js";
import { readArray, readObject, readString, readStringAt } from "../clients/json.js";

/** @import { JsonObject } from "../clients/json.js" */

/**
 * @typedef {object} Environment
 * @property {string} name
 * @property {JsonObject} fly
 * @property {JsonObject} workflow
 */

/** @type {[string, string, string][]} */
const FILES = [
  ["staging", "fly.toml", ".github/workflows/deploy.yml"],
  ["production", "fly.production.toml", ".github/workflows/deploy-production.yml"],
];

const [staging, production] = FILES.map(([name, fly, workflow]) => ({
  name,
  fly: readObject(/** @type {unknown} */ (parseToml(readFile(fly)))),
  workflow: readObject(/** @type {unknown} */ (parseYaml(readFile(workflow)))),
}));
assert.ok(staging && production);

/** Seconds that a server takes at most to answer what is in flight, after SIGTERM. */
const DRAIN_SECONDS = 25;

test("the Fly files differ in the app, its address, the memory and the number of machines alone", () => {
  assert.deepEqual(blankFly(production.fly), blankFly(staging.fly));
  assert.notEqual(production.fly.app, staging.fly.app);
  assert.notEqual(readUrl(production), readUrl(staging));
  assert.equal(countMachines(staging), 1);
  // One serves while the other is replaced.
  assert.equal(countMachines(production), 2);
});

for (const environment of [staging, production]) {
  const { name, fly, workflow } = environment;

  test(`${name} states itself, at an https origin that its workflow checks`, () => {
    assert.equal(readStringAt(fly, ["env", "APP_ENV"]), name);
    const url = readUrl(environment);
    assert.equal(new URL(url).origin, url);
    assert.match(url, /^https:/);
    const [, file] = FILES.find(([known]) => known === name) ?? [];
    const { URL: checked, CONFIG: config } = readObject(workflow.env);
    assert.deepEqual([checked, config], [url, file]);
  });

  test(`${name} holds no secret in its Fly file, and lets the server drain`, () => {
    const names = Object.keys(readObject(fly.env));
    assert.deepEqual(names, ["APP_ENV", "PUBLIC_URL", "METRICS_ADDR"]);
    assert.equal(fly.kill_signal, "SIGTERM");
    assert.ok(Number(fly.kill_timeout) > DRAIN_SECONDS);
  });

  test(`${name} has its own secrets: each job that uses one is in the environment`, () => {
    for (const [id, job] of Object.entries(readObject(workflow.jobs))) {
      const { environment: used } = readObject(job);
      const usesSecrets = JSON.stringify(job).includes("secrets.");
      const named = typeof used === "object" ? readObject(used).name : used;
      assert.equal(named, usesSecrets ? name : undefined, id);
    }
  });
}

test("the workflows deploy in the same steps, from different events", () => {
  const jobs = [staging, production].map(({ name, workflow }) => {
    const { check, ...rest } = readObject(workflow.jobs);
    assert.equal(check !== undefined, name === "production");
    return JSON.stringify(blankJobs(rest, name), null, 2);
  });
  assert.equal(jobs[1], jobs[0]);
  for (const { name, workflow } of [staging, production]) {
    assert.deepEqual(workflow.permissions, {});
    assert.deepEqual(workflow.concurrency, {
      group: `deploy-${name}`,
      "cancel-in-progress": false,
    });
  }
});

test("staging takes main after CI has passed, and production a tag of a version that was checked", () => {
  assert.deepEqual(readObject(staging.workflow.on), {
    workflow_run: { workflows: ["CI"], types: ["completed"], branches: ["main"] },
  });
  const { if: condition } = readObject(readObject(staging.workflow.jobs).convex);
  for (const part of [
    "conclusion == 'success'",
    "event == 'push'",
    "full_name == github.repository",
  ]) {
    assert.ok(readString(condition).includes(part), part);
  }
  assert.equal(
    readStringAt(staging.workflow, ["env", "COMMIT"]),
    "${{ github.event.workflow_run.head_sha }}",
  );

  assert.deepEqual(readObject(production.workflow.on), {
    push: { tags: ["v[0-9]+.[0-9]+.[0-9]+"] },
  });
  assert.equal(readStringAt(production.workflow, ["env", "COMMIT"]), "${{ github.sha }}");
  const { check, convex, fly } = readObject(production.workflow.jobs);
  const steps = readArray(readObject(check).steps).map((step) => readObject(step).run);
  assert.ok(steps.includes('.ci/check-tag "$GITHUB_REF_NAME"'));
  assert.equal(readObject(convex).needs, "check");
  assert.equal(readObject(fly).needs, "convex");
});

test("the documentation names what production needs and what may never change", () => {
  const text = readFile("docs/deploy.md");
  for (const { fly } of [staging, production]) assert.ok(text.includes(readString(fly.app)));
  for (const name of ["CONVEX_DEPLOY_KEY", "FLY_API_TOKEN"])
    assert.ok(text.includes(`\`${name}\``));
  assert.match(text, /^## What may never change$/m);
});

/** @param {Environment} environment */
function readUrl({ fly }) {
  return readStringAt(fly, ["env", "PUBLIC_URL"]);
}

/** @param {Environment} environment */
function countMachines({ fly }) {
  return Number(readObject(fly.http_service).min_machines_running);
}

/**
 * Returns a Fly file without the values that may differ. Each of them must be there.
 *
 * @param {JsonObject} fly
 */
function blankFly(fly) {
  const copy = structuredClone(fly);
  const places = [
    [copy, "app"],
    [readObject(copy.env), "APP_ENV"],
    [readObject(copy.env), "PUBLIC_URL"],
    [readObject(copy.http_service), "min_machines_running"],
    [readObject(readArray(copy.vm)[0]), "memory"],
  ];
  for (const [table, key] of /** @type {[JsonObject, string][]} */ (places)) {
    assert.ok(table[key] !== undefined, key);
    table[key] = null;
  }
  return copy;
}

/**
 * Returns the jobs of a workflow without the name of its environment and the conditions of its event.
 *
 * @param {JsonObject} jobs
 * @param {string} name
 */
function blankJobs(jobs, name) {
  return Object.fromEntries(
    Object.entries(jobs).map(([id, value]) => {
      const { needs, environment, ...job } = readObject(value);
      delete job.if;
      const blank = JSON.stringify(environment).replaceAll(name, "NAME");
      return [id, { ...job, environment: blank, needs: needs === "check" ? undefined : needs }];
    }),
  );
}
