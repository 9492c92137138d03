/** The readiness check. */
import { v } from "convex/values";

import { userQuery } from "./functions";

/** Succeeds when the deployment answers and accepts the API key. */
export const ping = userQuery({ args: {}, returns: v.null(), handler: () => null });
