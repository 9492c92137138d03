import { defineConfig } from "vitest/config";

export default defineConfig({
  cacheDir: "../../node_modules/.vite",
  test: {
    root: import.meta.dirname,
    include: ["*.test.ts"],
    // Nothing here waits for time; a busy machine is no failure.
    testTimeout: 120_000,
    environment: "edge-runtime",
    server: { deps: { inline: ["convex-test"] } },
  },
});
