/** Lints of all JavaScript and TypeScript: a new folder needs a `tsconfig.json`, and no line here. */
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

/** What parses text as HTML. A page shows text as text. */
const MARKUP =
  "/^(innerHTML|outerHTML|insertAdjacentHTML|srcdoc|createContextualFragment|setHTML|" +
  "setHTMLUnsafe|parseHTMLUnsafe)$/";

/** Attributes that run or style inline, which the policy of the pages forbids. */
const INLINE = "/^(on\\w+|srcdoc|style)$/i";

const BUILT_BY = "Build public functions with the builders of functions.ts.";

/** A search of vectors that is not limited to a user: row-level security does not hold for it. */
const ANY_VECTORS = {
  selector:
    ":matches(MemberExpression, ObjectPattern > Property):matches([property.name='vectorSearch'], [key.name='vectorSearch'])",
  message: "Search with findNearest of userAction, which finds the vectors of its user alone.",
};

/** What would build a public function of Convex without a check of its caller. */
const BUILDERS = [
  {
    group: ["**/_generated/server"],
    importNames: ["query", "mutation", "action", "httpAction"],
    message: BUILT_BY,
  },
  { group: ["convex/server"], importNamePattern: "Generic$", message: BUILT_BY },
];

const AS_TEXT = "Text stays text: build elements with h().";
const AS_LISTENER = "The policy of the pages forbids inline handlers and styles.";

export default defineConfig(
  globalIgnores(["convex/_generated/", "public/", "target/", "web/api/schema.d.ts"]),
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    files: ["**/*.{js,mjs,ts}"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // Numbers in messages read as they are.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // A check that is called for each element has no value to return.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ["tests/clients/**", "tests/release/**", "tests/web/**"],
    rules: {
      // The runner of Node awaits the tests of a file by itself.
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          allowForKnownSafeCalls: [
            { from: "package", package: "node:test", name: ["test", "before", "after"] },
          ],
        },
      ],
      // The server offers HTTP+SSE to older clients, so the tests use that transport.
      "@typescript-eslint/no-deprecated": [
        "error",
        {
          allow: [
            {
              from: "package",
              package: "@modelcontextprotocol/sdk",
              name: ["SSEClientTransport", "Sse1"],
            },
            {
              from: "package",
              package: "@modelcontextprotocol/client",
              name: ["SSEClientTransport", "Sse2"],
            },
          ],
        },
      ],
    },
  },
  {
    files: ["web/**", "widget/**"],
    rules: {
      "no-eval": "error",
      "no-new-func": "error",
      "no-script-url": "error",
      "no-restricted-globals": ["error", { name: "DOMParser", message: AS_TEXT }],
      "no-restricted-syntax": [
        "error",
        { selector: `MemberExpression[property.name=${MARKUP}]`, message: AS_TEXT },
        { selector: `MemberExpression[property.value=${MARKUP}]`, message: AS_TEXT },
        { selector: `Property[key.name=${MARKUP}]`, message: AS_TEXT },
        { selector: `Property[key.value=${MARKUP}]`, message: AS_TEXT },
        {
          selector: "MemberExpression[object.name='document'][property.name=/^write(ln)?$/]",
          message: AS_TEXT,
        },
        {
          selector: `CallExpression[callee.property.name=/^(set|toggle)Attribute/] > Literal[value=${INLINE}]`,
          message: AS_LISTENER,
        },
      ],
    },
  },
  {
    // Every public function goes through the builders of functions.ts.
    files: ["convex/subscriptions.ts"],
    rules: { "@typescript-eslint/no-restricted-imports": ["error", { patterns: BUILDERS }] },
  },
  {
    files: ["convex/**/*.ts"],
    ignores: ["convex/functions.ts"],
    rules: { "no-restricted-syntax": ["error", ANY_VECTORS] },
  },
  {
    // Only subscriptions.ts has functions without a user.
    files: ["convex/**/*.ts"],
    ignores: ["convex/functions.ts", "convex/subscriptions.ts"],
    rules: {
      "@typescript-eslint/no-restricted-imports": [
        "error",
        {
          patterns: [
            ...BUILDERS,
            {
              group: ["**/functions"],
              importNamePattern: "^system",
              message: "Functions without a user are in subscriptions.ts alone.",
            },
          ],
        },
      ],
    },
  },
);
