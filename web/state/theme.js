// Light or dark: as the system has it, unless this browser was set otherwise.

import { settings } from "../lib/storage.js";

/** @typedef {"system" | "light" | "dark"} Theme */

const KEY = "promptdb.theme";

/** @returns {Theme} */
export function currentTheme() {
  const theme = settings.read(KEY);
  return theme === "light" || theme === "dark" ? theme : "system";
}

/** @param {Theme} theme */
export function setTheme(theme) {
  if (theme === "system") settings.remove(KEY);
  else settings.write(KEY, theme);
  applyTheme();
}

/** Gives the page the chosen theme. */
export function applyTheme() {
  const theme = currentTheme();
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
