// The bundle that is loaded on demand.

import { noAnswer } from "../api/problem.js";

/** Loads the screens and dialogs beside the library. */
export async function loadOthers() {
  try {
    return await import("../others.js");
  } catch (error) {
    console.warn(error);
    throw noAnswer();
  }
}
