// One prompt.

import { h } from "../lib/h.js";
import { getPrompt } from "../api/promptdb.js";
import { viewHeading } from "../parts/heading.js";
import { saveNotes } from "../parts/save-notes.js";

/** @import { Place } from "../lib/router.js" */
/** @import { View } from "../lib/view.js" */

/**
 * @param {Place} place
 * @returns {Promise<View>}
 */
export async function openPrompt({ params, signal }) {
  const prompt = await getPrompt(params.name ?? "", undefined, { signal });
  const element = h(
    "article",
    {},
    viewHeading(prompt.title),
    saveNotes(prompt),
    h("pre", {}, prompt.content),
  );
  return { title: prompt.title, element };
}
