import { defineConfig } from "vitest/config";

export default defineConfig({
  cacheDir: "../../node_modules/.vite",
  test: {
    root: import.meta.dirname,
    include: ["*.test.ts"],
    // No test waits for time, so a slow machine must not fail one.
    testTimeout: 120_000,
    environment: "edge-runtime",
    server: { deps: { inline: ["convex-test"] } },
  },
});
