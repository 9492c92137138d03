/** The failures that the server tells apart. Everything else is a fault and says nothing. */
import { ConvexError } from "convex/values";

/** `docs/convex.md` maps each code onto a `StoreError`. A type, for data must be a plain object. */
export type Failure =
  | { code: "NOT_FOUND" }
  | { code: "NAME_TAKEN"; name: string; currentVersion: number }
  | { code: "VERSION_CONFLICT"; currentVersion: number }
  | { code: "QUOTA_EXCEEDED"; limit: number }
  | { code: "QUEUE_FULL"; limit: number }
  | { code: "ACCOUNT_ERASED" }
  | { code: "IDEMPOTENCY_MISMATCH" }
  | { code: "INVALID_CURSOR" }
  | { code: "INVALID_ARGUMENT"; field: string; message: string }
  | { code: "UNAUTHORIZED" };

/** Ends the function; a mutation then writes nothing. */
export function fail(failure: Failure): never {
  throw new ConvexError(failure);
}
