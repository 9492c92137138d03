// The systemd units and the launchd agent.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { readFile } from "../clients/documents.js";
import { makeFolder, ROOT, run } from "../clients/harness.js";
import { parseJson } from "../clients/json.js";

/** @import { TestContext } from "node:test" */

const SYSTEM = "docs/units/systemd/system/promptdb.service";
const USER = "docs/units/systemd/user/promptdb.service";
const AGENT = "docs/units/launchd/promptdb.plist";

/** Seconds that the server takes at most to end after SIGTERM: requests in flight, then its jobs. */
const DRAIN_SECONDS = 25;

/** The most exposure of the unit of the system, in tenths of the scale of `systemd-analyze security`. */
const EXPOSURE_MAX = 15;

/** What both units refuse to the program, whatever the manager that runs it. */
const REFUSED = [
  "NoNewPrivileges=yes",
  "MemoryDenyWriteExecute=yes",
  "RestrictNamespaces=yes",
  "RestrictSUIDSGID=yes",
  "SystemCallFilter=@system-service",
  "SystemCallFilter=~@privileged @resources",
  "UMask=0077",
];

/** What needs a mount or a user namespace, which a user's manager may not make. */
const NAMESPACED =
  /^(Private|Protect|DynamicUser|StateDirectory|ReadWritePaths|BindPaths|TemporaryFileSystem|RemoveIPC)/m;

for (const path of [SYSTEM, USER]) {
  test(`${path} starts the server, confines it and lets it drain`, () => {
    const unit = readFile(path);
    assert.match(unit, /^ExecStart=\S+\/promptdb serve$/m);
    assert.match(unit, /^Restart=on-failure$/m);
    for (const line of REFUSED) assert.ok(unit.includes(`${line}\n`), line);
    const seconds = Number(/^TimeoutStopSec=(\d+)s$/m.exec(unit)?.[1]);
    assert.ok(seconds > DRAIN_SECONDS, `TimeoutStopSec is ${seconds}`);
    // A secret belongs into the file of the environment, which only its owner reads.
    assert.doesNotMatch(unit, /^Environment=.*(SECRET|KEY|TOKEN)/m);
  });
}

test("the unit of the system can write in its own folder alone, where its library is", () => {
  const unit = readFile(SYSTEM);
  for (const line of [
    "DynamicUser=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "StateDirectory=promptdb",
    "StateDirectoryMode=0700",
    "PrivateTmp=yes",
    "CapabilityBoundingSet=",
    "Environment=DATABASE_PATH=/var/lib/promptdb/promptdb.db",
  ]) {
    assert.ok(unit.includes(`${line}\n`), line);
  }
  assert.doesNotMatch(unit, /^(ReadWritePaths|User|Group)=/m);
});

test("the unit of a user needs no namespace", () => {
  assert.match(readFile(SYSTEM), NAMESPACED);
  assert.doesNotMatch(readFile(USER), NAMESPACED);
});

// systemd is on Linux alone.
if (process.platform === "linux") {
  for (const [path, ...manager] of [[SYSTEM], [USER, "--user"]]) {
    test(`systemd finds no fault in ${path}`, async (t) => {
      const unit = await copyUnit(t, readFile(String(path)));
      const { status, output } = analyze(t, ["verify", "--man=no", ...manager, unit]);
      assert.equal(output, "");
      assert.equal(status, 0);
    });
  }

  test("systemd finds a setting that it does not have", async (t) => {
    const unit = await copyUnit(t, readFile(SYSTEM).replace("UMask=", "UMasc="));
    assert.match(analyze(t, ["verify", "--man=no", unit]).output, /Unknown key.* 'UMasc'/);
  });

  test("the unit of the system has little exposure", async (t) => {
    const unit = await copyUnit(t, readFile(SYSTEM));
    const threshold = `--threshold=${EXPOSURE_MAX}`;
    const { status, output } = analyze(t, ["security", "--offline=true", threshold, unit]);
    assert.equal(status, 0, output);
    const open = await copyUnit(t, readFile(SYSTEM).replaceAll(/^(Protect|Private)\w+=.*\n/gm, ""));
    assert.notEqual(analyze(t, ["security", "--offline=true", threshold, open]).status, 0);
  });
}

test("the launchd agent starts the server, again after a failure, and lets it drain", async () => {
  const script =
    "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
  const { stdout } = await run("python3", ["-c", script, join(ROOT, AGENT)]);
  assert.deepEqual(parseJson(stdout), {
    Label: "promptdb",
    ProgramArguments: ["HOME/.local/bin/promptdb", "serve"],
    RunAtLoad: true,
    KeepAlive: { SuccessfulExit: false },
    ExitTimeOut: 35,
    Umask: 0o077,
    ProcessType: "Adaptive",
    StandardOutPath: "HOME/Library/Logs/promptdb.log",
    StandardErrorPath: "HOME/Library/Logs/promptdb.log",
  });
});

test("the documentation names the files and places that the units have", () => {
  const text = readFile("docs/units/README.md");
  for (const place of [
    "systemd/system/promptdb.service",
    "systemd/user/promptdb.service",
    "launchd/promptdb.plist",
    "/var/lib/promptdb/promptdb.db",
    "/usr/local/share/promptdb",
    "~/.config/promptdb/promptdb.env",
    "~/Library/Logs/promptdb.log",
  ]) {
    assert.ok(text.includes(place), place);
  }
  assert.match(readFile(SYSTEM), /^EnvironmentFile=-\/etc\/promptdb\/promptdb\.env$/m);
  assert.match(
    readFile(SYSTEM),
    /^Environment=MODEL_PATH=\/usr\/local\/share\/promptdb\/meaning\.bin$/m,
  );
  assert.match(readFile(USER), /^EnvironmentFile=-%E\/promptdb\/promptdb\.env$/m);
});

/**
 * Writes a unit that starts a program which exists, as systemd looks for it.
 *
 * @param {TestContext} t
 * @param {string} unit
 */
async function copyUnit(t, unit) {
  const path = join(await makeFolder(t), "promptdb.service");
  await writeFile(path, unit.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true"));
  return path;
}

/**
 * @param {TestContext} t
 * @param {string[]} args
 */
function analyze(t, args) {
  const unit = String(args.at(-1));
  // The folder of the copy stands for the one that a user's manager has at run time.
  const env = { PATH: process.env.PATH ?? "", XDG_RUNTIME_DIR: join(unit, "..") };
  const { status, stdout, stderr, error } = spawnSync("systemd-analyze", args, {
    env,
    encoding: "utf8",
  });
  assert.equal(error, undefined, `install systemd for ${t.name}`);
  return { status, output: stdout + stderr };
}
