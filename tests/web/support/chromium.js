// Where the browser of the tests is, and how it is started.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

import { chromium } from "playwright-core";

/** Names of the browser's program, the one that the tests are written for first. */
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Where the installer of macOS puts it. */
const MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

const HELP = `The tests of the web application need Chromium, and there is none on the PATH.
  Debian:  apt-get install chromium
  macOS:   brew install --cask google-chrome
  Others:  set CHROMIUM to the program of Chromium or Google Chrome, version 135 or newer.`;

/** The longest wait for the browser to start. */
const PATIENCE_MS = 60_000;

/**
 * Returns the path of the browser's program: `CHROMIUM` if that is set, or the first on the PATH.
 *
 * @param {NodeJS.ProcessEnv} env
 * @throws {Error} what to install, if there is no browser
 */
export function locateChromium(env = process.env) {
  if (env.CHROMIUM) {
    if (existsSync(env.CHROMIUM)) return env.CHROMIUM;
    throw new Error(`CHROMIUM is ${env.CHROMIUM}, where there is no file.\n${HELP}`);
  }
  const folders = (env.PATH ?? "").split(delimiter);
  const paths = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = [...paths, MAC].find((path) => existsSync(path));
  if (found === undefined) throw new Error(HELP);
  return found;
}

/** Returns how Playwright starts the browser. It resolves no name, so nothing leaves the machine. */
function makeOptions() {
  return {
    executablePath: locateChromium(),
    args: ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"],
    timeout: PATIENCE_MS,
  };
}

/** Starts a browser that other processes can use by the address that `wsEndpoint` returns. */
export function serveChromium() {
  return chromium.launchServer(makeOptions());
}

/**
 * Returns the browser that `address` names, or a new one.
 *
 * @param {string | undefined} address
 */
export function openChromium(address) {
  return address ? chromium.connect(address) : chromium.launch(makeOptions());
}
