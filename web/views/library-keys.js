// The keys of the library. They act on the row that has the focus, else on the prompt that is open.

import { promptAddress } from "../lib/addresses.js";
import { navigate } from "../lib/router.js";
import { opened } from "../state/library.js";
import { copyPrompt, removePrompt, toggleFavorite, usePrompt } from "../parts/prompt-actions.js";

/** @import { Prompt } from "../api/promptdb.js" */
/** @import { KeyBinding } from "../lib/keys.js" */

/**
 * @param {{ focusSearch: () => void, rows: { focused: () => Prompt | undefined, move: (step: number) => void } }} list
 * @returns {KeyBinding[]}
 */
export function promptKeys({ focusSearch, rows }) {
  const withPrompt = (/** @type {(prompt: Prompt) => unknown} */ act) => () => {
    const prompt = rows.focused() ?? opened.value;
    if (prompt) void act(prompt);
  };
  const remove = async (/** @type {Prompt} */ prompt) => {
    const wasFocused = rows.focused() !== undefined;
    if (wasFocused) rows.move(1);
    const wasOpen = opened.value?.id === prompt.id;
    if ((await removePrompt(prompt)) && wasOpen) navigate("/app", { replace: true });
  };
  return [
    { keys: "/", label: "Search", run: focusSearch },
    { keys: "j", label: "Next prompt", repeats: true, run: () => rows.move(1) },
    { keys: "k", label: "Previous prompt", repeats: true, run: () => rows.move(-1) },
    { keys: "c", label: "Copy", run: withPrompt(copyPrompt) },
    { keys: "u", label: "Use", run: withPrompt(usePrompt) },
    {
      keys: "e",
      label: "Edit",
      run: withPrompt((prompt) => navigate(`${promptAddress(prompt)}/edit`)),
    },
    { keys: "f", label: "Favourite", run: withPrompt(toggleFavorite) },
    { keys: "#", label: "Delete", run: withPrompt(remove) },
  ];
}
