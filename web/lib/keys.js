// Keys of the application: single keys, two in a row such as `g l`, and those with Ctrl or Cmd.

import { settings } from "./storage.js";

/**
 * @typedef {object} KeyBinding
 * @property {string} keys As `event.key` has it: `j`, `#`, `g l`, `Escape`; `mod+k` is Ctrl+K, and Cmd+K on a Mac.
 * @property {string} label What it does, for the list of keys.
 * @property {boolean} [repeats] Whether it runs again and again while the key is held.
 * @property {() => void} run
 */

/** How long the second key of a sequence may take, in milliseconds. */
const SEQUENCE_MS = 1500;
const SWITCH = "promptdb.single-keys";
const isMac = /Mac|iP(hone|ad|od)/.test(navigator.userAgent);

/** @type {() => KeyBinding[]} */
let listBindings = () => [];
let first = { key: "", at: 0 };

/** Whether single keys do something. WCAG 2.2, 2.1.4 asks for a switch. */
export function areSingleKeysOn() {
  return settings.read(SWITCH) !== "off";
}

/** @param {boolean} isOn */
export function switchSingleKeys(isOn) {
  if (isOn) settings.remove(SWITCH);
  else settings.write(SWITCH, "off");
}

/**
 * Listens for keys from now on.
 *
 * @param {() => KeyBinding[]} bindings Those of the moment; the first that fits runs.
 */
export function startKeys(bindings) {
  listBindings = bindings;
  document.addEventListener("keydown", pressKey);
}

/** The keys of the moment. */
export function currentBindings() {
  return listBindings();
}

/**
 * A binding's keys as they are printed on a keyboard.
 *
 * @param {string} keys
 */
export function nameKeys(keys) {
  if (keys === "Escape") return "Esc";
  if (!keys.startsWith("mod+")) return keys;
  const key = keys.slice(4);
  return `${isMac ? "⌘" : "Ctrl+"}${key.length === 1 ? key.toUpperCase() : key}`;
}

function pressKey(/** @type {KeyboardEvent} */ event) {
  if (event.defaultPrevented || event.isComposing || event.altKey) return;
  const isCommand = isMac ? event.metaKey : event.ctrlKey;
  if (!isCommand && (event.metaKey || event.ctrlKey)) return;
  const pressed = isCommand ? `mod+${event.key.toLowerCase()}` : event.key;
  const isSingle = !isCommand && pressed.length === 1;
  const isTaken = isSingle && (isField(event.target) || !areSingleKeysOn());
  const hasDialog = document.querySelector("dialog[open]") !== null;
  if (isTaken || hasDialog) return;
  // The times of the presses, for a busy page handles them late.
  const isSecond = event.timeStamp - first.at < SEQUENCE_MS;
  const names = isSecond && isSingle ? [`${first.key} ${pressed}`, pressed] : [pressed];
  const bindings = listBindings();
  const binding = names
    .map((name) => bindings.find(({ keys }) => keys === name))
    .find((found) => found !== undefined);
  const begins = isSingle && bindings.some(({ keys }) => keys.startsWith(`${pressed} `));
  first = { key: begins && !binding ? pressed : "", at: event.timeStamp };
  if (!binding) return;
  event.preventDefault();
  if (!event.repeat || binding.repeats) binding.run();
}

/** Whether keys write text there. */
function isField(/** @type {EventTarget | null} */ target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) {
    return !["checkbox", "radio", "button", "submit", "file"].includes(target.type);
  }
  return target.isContentEditable || target.matches("textarea, select");
}
