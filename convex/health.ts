/** Whether the deployment answers and knows the key. */
import { v } from "convex/values";

import { userQuery } from "./functions";

export const ping = userQuery({ args: {}, returns: v.null(), handler: () => null });
