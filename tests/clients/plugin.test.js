// The plugin for Claude Code and Codex, the two marketplaces of the repository, and the entry of the MCP
// registry. A linter checks them against the schemas and rules of their formats, which it carries.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";

import { flatten, readFile, readJsonFile, readOrigin, readVersion } from "./documents.js";
import { ROOT, defer, makeFolder, makeLibrary, startServer, stdioProcess } from "./harness.js";
import { readColumn, readObject, readString, readStringAt } from "./json.js";
import { installEnvironment, locateEnvironment } from "./lanes/environment.js";
import { openSdk } from "./lanes/typescript.js";

/** @import { TestContext } from "node:test" */

const CLAUDE_MARKETPLACE = ".claude-plugin/marketplace.json";
const CODEX_MARKETPLACE = ".agents/plugins/marketplace.json";
const CLAUDE_PLUGIN = "plugin/.claude-plugin/plugin.json";
const CODEX_PLUGIN = "plugin/.codex-plugin/plugin.json";
const SERVERS = "plugin/.mcp.json";
const SKILL = "plugin/skills/harvest/SKILL.md";

/** Everything that is linted. */
const PUBLISHED = [".agents", ".claude-plugin", "plugin", "server.json"];

/**
 * One fault for each rule of a format that people would notice late.
 *
 * @typedef {object} Fault
 * @property {string} what
 * @property {string} file
 * @property {[text: string, fault: string]} change
 * @property {string} rule The rule of the linter that must find it.
 */

/** @type {Fault[]} */
const FAULTS = [
  {
    what: "a description of more than 100 characters",
    file: "server.json",
    change: ['"Your own prompts', `"${"x".repeat(101)}`],
    rule: "mcp-registry-server-json-valid",
  },
  {
    what: "a name without a namespace",
    file: "server.json",
    change: ["/promptdb", ""],
    rule: "mcp-registry-server-json-valid",
  },
  {
    what: "an unknown transport",
    file: "server.json",
    change: ['"streamable-http"', '"http"'],
    rule: "mcp-registry-server-json-valid",
  },
  {
    what: "a missing version",
    file: "server.json",
    change: ['"version"', '"release"'],
    rule: "mcp-registry-server-json-valid",
  },
  {
    what: "a name with a space",
    file: CLAUDE_PLUGIN,
    change: ['"name": "promptdb"', '"name": "Prompt DB"'],
    rule: "claude-plugin-naming",
  },
  {
    what: "a marketplace without an owner",
    file: CLAUDE_MARKETPLACE,
    change: ['"owner"', '"publisher"'],
    rule: "claude-marketplace-json-valid",
  },
  {
    what: "a path outside the plugin",
    file: CODEX_PLUGIN,
    change: ['"./skills/"', '"../skills/"'],
    rule: "codex-plugin-json-valid",
  },
  {
    what: "an unknown policy",
    file: CODEX_MARKETPLACE,
    change: ["AVAILABLE", "MAYBE"],
    rule: "codex-marketplace-json-valid",
  },
  {
    what: "an unknown kind of server",
    file: SERVERS,
    change: ['"http"', '"carrier-pigeon"'],
    rule: "mcp-valid-json",
  },
  {
    what: "a skill without a name",
    file: SKILL,
    change: ["name: harvest", "title: harvest"],
    rule: "agentskill-valid",
  },
];

before(() => installEnvironment("skillsaw"));

test("the linter finds no fault in the plugin, the marketplaces and the registry entry", async (t) => {
  const { status, output } = lint(await copyPublished(t));
  assert.equal(status, 0, output);
  const types = "agentskills, codex-marketplace, codex-plugin, marketplace, mcp-registry";
  assert.ok(output.includes(`Repo type: ${types}\n`), output);
});

for (const { what, file, change, rule } of FAULTS) {
  test(`the linter finds ${what} in ${file}`, async (t) => {
    const folder = await copyPublished(t);
    const sound = readFile(file);
    assert.ok(sound.includes(change[0]), `${file} has no ${change[0]}`);
    await writeFile(join(folder, file), sound.replace(...change));
    const { status, output } = lint(folder);
    assert.notEqual(status, 0, output);
    assert.ok(output.includes(rule), output);
  });
}

test("the registry entry and the plugin name the published server, by its origin", () => {
  const url = `${readOrigin()}/mcp`;
  const { name, remotes, packages } = readObject(readJsonFile("server.json"));
  assert.deepEqual(remotes, [{ type: "streamable-http", url }]);
  assert.equal(packages, undefined);
  // The registry grants a namespace to the owner of the host that it is in reverse, or of an account of
  // GitHub.
  const host = new URL(url).hostname.split(".").reverse().join(".");
  const [namespace = "", ...rest] = readString(name).split("/");
  assert.deepEqual(rest, ["promptdb"]);
  assert.ok(namespace === host || /^io\.github\.[A-Za-z0-9-]+$/.test(namespace), namespace);
  const { mcpServers } = readObject(readJsonFile(SERVERS));
  assert.deepEqual(mcpServers, { promptdb: { type: "http", url } });
});

test("the manifests agree on the name, the version and the description", () => {
  const manifests = [CLAUDE_PLUGIN, CODEX_PLUGIN].map((path) => readObject(readJsonFile(path)));
  const { description, version } = readObject(readJsonFile("server.json"));
  for (const manifest of manifests) {
    assert.equal(manifest.name, "promptdb");
    assert.equal(manifest.description, description);
    assert.equal(manifest.version, version);
  }
  assert.equal(version, readVersion());
});

test("each marketplace of the repository offers the plugin, in its folder", () => {
  const claude = readObject(readJsonFile(CLAUDE_MARKETPLACE));
  const codex = readObject(readJsonFile(CODEX_MARKETPLACE));
  for (const { name, plugins } of [claude, codex]) {
    assert.equal(name, "promptdb");
    assert.deepEqual(readColumn(plugins, "name"), ["promptdb"]);
  }
  // Codex finds no plugin in the root of a marketplace.
  assert.equal(readStringAt(claude.plugins, [0, "source"]), "./plugin");
  assert.equal(readStringAt(codex.plugins, [0, "source", "path"]), "./plugin");
});

test("every path in the manifest for Codex is one of the plugin", () => {
  const { skills, mcpServers } = readObject(readJsonFile(CODEX_PLUGIN));
  for (const path of [skills, mcpServers]) {
    assert.ok(existsSync(join(ROOT, "plugin", readString(path))), String(path));
  }
});

test("the icon is a square that the manifest for Codex names", () => {
  const { interface: shown } = readObject(readJsonFile(CODEX_PLUGIN));
  for (const field of ["logo", "composerIcon"]) {
    const path = readString(readObject(shown)[field]);
    assert.match(readFile(join("plugin", path)), /^<svg [^>]*viewBox="0 0 512 512"/);
  }
});

test("the skill says what the built-in prompt says", async (t) => {
  const library = await makeLibrary(t);
  const { url } = await startServer(t, library);
  const lane = await openSdk("http", { url, process: stdioProcess(library) });
  defer(t, () => lane.close());
  const { result } = await lane.request("prompts/get", { name: "harvest" });
  const prompt = readStringAt(result, ["messages", 0, "content", "text"]);

  const [, frontMatter = "", body = ""] = /^---\n(.+?)\n---\n(.+)$/s.exec(readFile(SKILL)) ?? [];
  assert.match(frontMatter, /^name: harvest$/m);
  // Without the heading, the skill is the prompt, whose lines may be broken elsewhere.
  assert.equal(flatten(body.replace(/^\s*# .+/, "")), flatten(prompt));
});

/**
 * Copies what is published into a folder of its own, where a test can damage it.
 *
 * @param {TestContext} t
 */
async function copyPublished(t) {
  const folder = await makeFolder(t);
  for (const path of PUBLISHED) await cp(join(ROOT, path), join(folder, path), { recursive: true });
  return folder;
}

/**
 * Lints a folder, with warnings as errors.
 *
 * @param {string} folder
 */
function lint(folder) {
  const program = locateEnvironment("skillsaw").locateProgram("skillsaw");
  const args = ["lint", "--strict", "--no-progress", "--no-color", folder];
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return { status, output: stdout + stderr };
}
