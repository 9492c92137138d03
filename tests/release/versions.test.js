// One version: that of Cargo.toml.

import assert from "node:assert/strict";
import { test } from "node:test";

import { parse } from "smol-toml";

import { readFile, readJsonFile, readVersion } from "../clients/documents.js";
import { readArray, readObject, readString } from "../clients/json.js";

const VERSION = readVersion();

/** Every manifest with a version of its own. */
const MANIFESTS = [
  "npm/package.json",
  "plugin/.claude-plugin/plugin.json",
  "plugin/.codex-plugin/plugin.json",
  "server.json",
];

test("the version is one whose tag is released", () => {
  assert.match(VERSION, /^\d+\.\d+\.\d+$/);
});

for (const path of MANIFESTS) {
  test(`${path} has the version of Cargo.toml`, () => {
    assert.equal(readObject(readJsonFile(path)).version, VERSION);
  });
}

test("Cargo.lock has it, too", () => {
  const { package: packages } = readObject(/** @type {unknown} */ (parse(readFile("Cargo.lock"))));
  const own = readArray(packages)
    .map(readObject)
    .find(({ name }) => name === "promptdb");
  assert.equal(own?.version, VERSION);
});

test("the launcher of npm takes exactly this version of each platform's package", () => {
  const { optionalDependencies } = readObject(readJsonFile("npm/package.json"));
  for (const [name, version] of Object.entries(readObject(optionalDependencies))) {
    assert.equal(version, VERSION, name);
  }
});

test("the packages of npm have the words of the registry entry", () => {
  const { description } = readObject(readJsonFile("server.json"));
  assert.equal(readObject(readJsonFile("npm/package.json")).description, readString(description));
});

test("the toolchain of a release is that of CI, and of the image", () => {
  const toolchains = ["ci", "release"].map(
    (name) => /RUSTUP_TOOLCHAIN: (\S+)/.exec(readFile(`.github/workflows/${name}.yml`))?.[1],
  );
  assert.ok(toolchains[0]);
  assert.equal(toolchains[1], toolchains[0]);
  const [image, minimum] = [
    /^FROM rust:(\S+?)-/m.exec(readFile("Dockerfile"))?.[1],
    /^rust-version = "(.+)"$/m.exec(readFile("Cargo.toml"))?.[1],
  ];
  assert.equal(image, minimum);
  assert.equal(toolchains[0], `${String(minimum)}.0`);
});
