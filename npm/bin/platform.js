// Selects the package that holds the program of a platform.

/** Windows on arm64 runs programs of x64. */
const PACKAGES = new Map([
  ["darwin arm64", "@promptdb/darwin-arm64"],
  ["darwin x64", "@promptdb/darwin-x64"],
  ["linux arm64", "@promptdb/linux-arm64"],
  ["linux x64", "@promptdb/linux-x64"],
  ["win32 arm64", "@promptdb/win32-x64"],
  ["win32 x64", "@promptdb/win32-x64"],
]);

/**
 * Returns the path of the program. Throws an error that says what to do.
 *
 * @param {string} platform As in `process.platform`.
 * @param {string} arch As in `process.arch`.
 * @param {(request: string) => string} resolve Resolves a file of a package, or throws.
 */
export function locateProgram(platform, arch, resolve) {
  const name = PACKAGES.get(`${platform} ${arch}`);
  if (name === undefined) {
    throw new Error(`there is no program for ${platform} on ${arch}; build it from its source`);
  }
  try {
    return resolve(`${name}/${platform === "win32" ? "promptdb.exe" : "promptdb"}`);
  } catch (cause) {
    const message = `the package ${name} is missing; install promptdb again with optional dependencies`;
    throw new Error(message, { cause });
  }
}
