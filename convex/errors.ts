/** The failures that the server handles. Any other error is a fault, and its message is redacted. */
import { ConvexError } from "convex/values";

import type { FAILURE_CODES } from "./limits";

type FailureCode = (typeof FAILURE_CODES)[number];

/** The fields of each failure beside its code; `docs/convex.md` maps the codes to `StoreError`. */
interface Details {
  NOT_FOUND: object;
  NAME_TAKEN: { name: string; currentVersion: number };
  NOT_DELETED: object;
  VERSION_CONFLICT: { currentVersion: number };
  QUOTA_EXCEEDED: { limit: number };
  BYTES_EXCEEDED: { limit: number };
  QUEUE_FULL: { limit: number };
  CUSTOMER_TAKEN: object;
  ACCOUNT_ERASED: object;
  IDEMPOTENCY_MISMATCH: object;
  INVALID_CURSOR: object;
  INVALID_ARGUMENT: { field: string; message: string };
  UNAUTHORIZED: object;
}

/** One of the codes with its fields; a code without an entry in `Details` does not compile. */
export type Failure = { [Code in FailureCode]: { code: Code } & Details[Code] }[FailureCode];

/** Ends the function with a failure. The transaction is rolled back. */
export function fail(failure: Failure): never {
  throw new ConvexError({ ...failure });
}
