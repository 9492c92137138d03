// Makes the Python environments before all tests: these run in parallel and would race for them.

import { installEnvironment } from "./lanes/environment.js";
import { installPython } from "./lanes/script.js";
import { installStripeDescription } from "./lanes/stripe-description.js";

await installPython();
await installEnvironment("schemathesis");
await installEnvironment("localstripe");
await installStripeDescription();
await installEnvironment("skillsaw");
await installEnvironment("zizmor");
