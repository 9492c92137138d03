// What every client of the protocol looks like to a test.

import type { JsonObject } from "../json.js";

export type Transport = "http" | "sse" | "stdio";

/** How a client negotiates the revision of the protocol; without one, by its own default. */
export type Mode = "legacy" | "auto" | { pin: string };

/** A program that serves one client over stdio. */
export interface StdioProcess {
  command: string;
  args: string[];
  env: Record<string, string>;
}

/** The server under test. `url` may be missing where only stdio is used. */
export interface Target {
  url?: string;
  process: StdioProcess;
}

/** The result of a request, or the JSON-RPC error that the server sent instead. */
export interface Answer {
  result?: JsonObject;
  error?: { code: number; message: string };
}

/** A connected client. */
export interface Lane {
  /** The revision that client and server negotiated. */
  revision: string | undefined;
  /** Sends a request by the name of its method. Lists are read to their end without `params`. */
  request(method: string, params?: JsonObject): Promise<Answer>;
  close(): Promise<void>;
}

export type OpenLane = (transport: Transport, target: Target, mode?: Mode) => Promise<Lane>;

/** The methods that both TypeScript clients have. Some tests send parameters that are wrong. */
export interface ProtocolClient {
  listTools(params?: JsonObject): Promise<JsonObject>;
  callTool(params: JsonObject): Promise<JsonObject>;
  listPrompts(params?: JsonObject): Promise<JsonObject>;
  getPrompt(params: JsonObject): Promise<JsonObject>;
  listResources(params?: JsonObject): Promise<JsonObject>;
  listResourceTemplates(params?: JsonObject): Promise<JsonObject>;
  readResource(params: JsonObject): Promise<JsonObject>;
  complete(params: JsonObject): Promise<JsonObject>;
  close(): Promise<void>;
}
