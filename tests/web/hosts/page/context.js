// What a chat says about itself to a card: `hostContext`.

/**
 * @import { Tool } from "@modelcontextprotocol/client"
 * @import { McpUiDisplayMode, McpUiHostContext, McpUiStyles } from "@modelcontextprotocol/ext-apps/app-bridge"
 * @import { Profile, Theme } from "../profiles.js"
 */

/**
 * Returns colours and fonts as the hosts write them: both themes in one value.
 *
 * @param {Profile} profile
 */
function makeVariables({ colors: { light, dark } }) {
  /** @param {string} a @param {string} b */
  const both = (a, b) => `light-dark(${a}, ${b})`;
  return /** @type {McpUiStyles} */ ({
    "--color-background-primary": both(light.card, dark.card),
    "--color-background-secondary": both("#f5f4ed", "#3a3a37"),
    "--color-text-primary": both(light.text, dark.text),
    "--color-text-secondary": both("#55534c", "#c2c0b6"),
    "--color-border-primary": both("#8a887f", "#8e8c84"),
    "--color-border-secondary": both("#d6d4cb", "#55534c"),
    "--color-ring-primary": both("#2a6fdb", "#7fb0ff"),
    "--font-sans": "Helvetica, Arial, sans-serif",
    "--font-mono": "ui-monospace, monospace",
    "--border-radius-md": "8px",
  });
}

/**
 * @param {{ profile: Profile, tool: Tool, modes: McpUiDisplayMode[], place: HTMLElement }} card
 * @param {McpUiDisplayMode} mode
 * @param {Theme} theme
 * @returns {McpUiHostContext}
 */
export function makeContext({ profile, tool, modes, place }, mode, theme) {
  const { clientWidth: width, clientHeight: height } = place;
  const isInline = mode === "inline";
  const { maxHeight } = profile;
  const styles = { variables: makeVariables(profile) };
  return {
    theme,
    displayMode: mode,
    availableDisplayModes: modes,
    containerDimensions: isInline ? { width, ...(maxHeight && { maxHeight }) } : { width, height },
    locale: navigator.language,
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    platform: "web",
    deviceCapabilities: { touch: false, hover: true },
    safeAreaInsets: { top: 0, right: 0, bottom: 0, left: 0 },
    ...(profile.hasVariables && { styles, toolInfo: { tool } }),
  };
}
