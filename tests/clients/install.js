// Runs before all tests, which run side by side and must not make the same environment at once.

import { installEnvironment } from "./lanes/environment.js";
import { installPython } from "./lanes/python.js";

await installPython();
await installEnvironment("schemathesis");
