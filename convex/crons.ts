/** The schedule of maintenance. */
import { cronJobs } from "convex/server";

import { internal } from "./_generated/api";

const crons = cronJobs();

crons.interval("purge expired candidates", { hours: 1 }, internal.maintenance.purgeCandidates, {});
crons.interval("purge old deletions", { hours: 1 }, internal.maintenance.purgePrompts, {});
crons.interval("purge old audit entries", { hours: 1 }, internal.maintenance.purgeAudit, {});
crons.interval("purge old outcomes", { hours: 1 }, internal.maintenance.purgeOutcomes, {});
crons.interval("purge ended sessions", { hours: 1 }, internal.maintenance.purgeSessions, {});
crons.interval("purge old events of Stripe", { hours: 1 }, internal.maintenance.purgeEvents, {});
crons.interval("purge erased accounts", { hours: 1 }, internal.maintenance.purgeAccounts, {});

export default crons;
