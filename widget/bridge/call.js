// What both bridges have in common: the calls that the cards make, and how they fail.

/**
 * @typedef {"refused" | "no-answer" | "unavailable" | "signed-out"} Failure
 * `refused`: the server's own words. `no-answer`: the same call may be repeated. `unavailable`: the host
 * passes no calls on. `signed-out`: the session of the browser has ended.
 */

/** The longest wait for an answer, in milliseconds. */
export const PATIENCE_MS = 30_000;

/** A call without a result. Its message is a sentence for the person. */
export class CallError extends Error {
  /**
   * @param {Failure} kind
   * @param {string} message
   */
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

/** @param {string} whose */
export const noAnswer = (whose) =>
  new CallError("no-answer", `${whose} does not answer. Check your connection and try again.`);

/**
 * @typedef {Record<string, unknown>} Args
 */
/**
 * @typedef {object} ToolResult What a tool returns (MCP 2025-11-25, server/tools).
 * @property {Record<string, unknown>} [structuredContent]
 * @property {{ type?: string, text?: string }[]} [content]
 * @property {boolean} [isError]
 */
/**
 * @typedef {object} HostContext The parts of a host's context that the widget uses.
 * @property {string} [theme]
 * @property {{ variables?: Record<string, string> }} [styles]
 * @property {string} [displayMode]
 * @property {string[]} [availableDisplayModes]
 * @property {string} [locale]
 * @property {Record<string, number>} [safeAreaInsets]
 */
/**
 * @typedef {object} Events What a host sends by itself.
 * @property {(args: Args) => void} onInput The arguments of the tool, perhaps not all of them yet.
 * @property {(result: ToolResult) => void} onResult It may come more than once.
 * @property {() => void} onCancelled
 * @property {(context: HostContext) => void} onContext The whole context, at the start and after each change.
 */
/**
 * @typedef {object} Bridge The way to the server, through a chat or from a page of the server.
 * @property {boolean} isChat
 * @property {(events: Events) => Promise<void>} start Resolves once calls may be made.
 * @property {(tool: string, args: Args) => Promise<Record<string, unknown>>} call Calls a tool, and resolves to
 * its structured content.
 * @property {(text: string) => Promise<boolean>} send Gives the chat a message of the person; resolves to whether
 * the chat took it.
 * @property {(text: string) => Promise<void>} describe Describes to the model what the person did.
 * @property {() => Promise<void>} enlarge Asks for the full screen, where there is one.
 * @property {(height: number) => void} resize
 * @property {() => Promise<boolean>} signIn Resolves after a sign-in; to `false` if no window can open for it.
 */
