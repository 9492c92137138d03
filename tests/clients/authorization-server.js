// A real OAuth authorization server in the place of AuthKit: dynamic registration (RFC 7591), PKCE
// (RFC 7636), resource indicators (RFC 8707), signed access tokens with a session id, and refresh
// tokens that rotate.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";

import Provider from "oidc-provider";

import { listen } from "./harness.js";

/**
 * @import { TestContext } from "node:test"
 * @import { Configuration } from "oidc-provider"
 */

/**
 * An access token that the server issued.
 *
 * @typedef {object} IssuedToken
 * @property {unknown} grant
 * @property {unknown} audience
 * @property {string | undefined} client
 */

/** How long PromptDB accepts a token after its expiry. */
const LEEWAY_S = 30;
/** Lifetime of the first token of a sign-in: short, so that a test can wait for its end. */
const FIRST_TOKEN_S = 3;

/**
 * Starts a server that runs until the end of the test `t`.
 *
 * @param {TestContext} t
 */
export async function startAuthorizationServer(t) {
  const server = createServer();
  const url = `http://localhost:${await listen(t, server)}`;
  /** @type {IssuedToken[]} */
  const issued = [];
  const respond = new Provider(url, makeConfiguration(issued)).callback();
  server.on("request", (request, response) => void respond(request, response));
  return { url, issued };
}

/**
 * @param {IssuedToken[]} issued
 * @returns {Configuration}
 */
function makeConfiguration(issued) {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: "jwk" }), kid: "test", alg: "RS256", use: "sig" };
  return {
    jwks: { keys: [key] },
    cookies: { keys: [randomUUID()] },
    routes: { jwks: "/oauth2/jwks" },
    scopes: ["openid", "profile", "email", "offline_access"],
    pkce: { required: () => true },
    ttl: { AccessToken: 1, Grant: 3600, Interaction: 3600, Session: 3600, RefreshToken: 3600 },
    issueRefreshToken: () => true,
    features: {
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => ({
          audience: resource,
          scope: "openid profile email offline_access",
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
    formats: {
      customizers: {
        // Like AuthKit's, the token has a session id. The first token is short-lived, refreshed
        // ones are not.
        jwt(ctx, token, { payload }) {
          const grant = ctx.oidc.params?.grant_type;
          const lifetime = grant === "refresh_token" ? 3600 : FIRST_TOKEN_S - LEEWAY_S;
          const grantId = "grantId" in token ? token.grantId : undefined;
          payload.sid = `session_${String(grantId)}`;
          payload.exp = Number(payload.iat) + lifetime;
          issued.push({ grant, audience: payload.aud, client: token.clientId });
        },
      },
    },
  };
}
