// The platforms of a release, and the names of its files.

/**
 * @typedef {object} Target
 * @property {string} target The triple of Rust.
 * @property {"tar.gz" | "zip"} archive The form of its archive.
 * @property {NpmPlatform} [npm] The package of npm with this binary. On Linux it has the static one,
 *   which runs with every C library.
 * @property {string} [formula] The name of its checksum in the formula of Homebrew.
 *
 * @typedef {object} NpmPlatform
 * @property {string} name
 * @property {string} os As in `process.platform`.
 * @property {string[]} cpu As in `process.arch`.
 */

/** @type {readonly Target[]} */
export const TARGETS = [
  {
    target: "aarch64-apple-darwin",
    archive: "tar.gz",
    npm: { name: "@promptdb/darwin-arm64", os: "darwin", cpu: ["arm64"] },
    formula: "macos_arm",
  },
  {
    target: "x86_64-apple-darwin",
    archive: "tar.gz",
    npm: { name: "@promptdb/darwin-x64", os: "darwin", cpu: ["x64"] },
    formula: "macos_intel",
  },
  { target: "aarch64-unknown-linux-gnu", archive: "tar.gz" },
  { target: "x86_64-unknown-linux-gnu", archive: "tar.gz" },
  {
    target: "aarch64-unknown-linux-musl",
    archive: "tar.gz",
    npm: { name: "@promptdb/linux-arm64", os: "linux", cpu: ["arm64"] },
    formula: "linux_arm",
  },
  {
    target: "x86_64-unknown-linux-musl",
    archive: "tar.gz",
    npm: { name: "@promptdb/linux-x64", os: "linux", cpu: ["x64"] },
    formula: "linux_intel",
  },
  {
    target: "x86_64-pc-windows-msvc",
    archive: "zip",
    npm: { name: "@promptdb/win32-x64", os: "win32", cpu: ["x64", "arm64"] },
  },
];

/** The file with the checksums of all others, in the form of `sha256sum`. */
export const CHECKSUMS = "SHA256SUMS";

/**
 * Returns the name of the binary of a target.
 *
 * @param {Target} target
 */
export function nameProgram({ target }) {
  return target.includes("-windows-") ? "promptdb.exe" : "promptdb";
}

/**
 * Returns the name of the folder in the archive of a target.
 *
 * @param {string} version
 * @param {Target} target
 */
export function nameFolder(version, { target }) {
  return `promptdb-${version}-${target}`;
}

/**
 * Returns the name of the archive of a target.
 *
 * @param {string} version
 * @param {Target} target
 */
export function nameArchive(version, target) {
  return `${nameFolder(version, target)}.${target.archive}`;
}
