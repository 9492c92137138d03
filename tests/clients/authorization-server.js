// A real OAuth authorization server in the place of AuthKit: dynamic registration, PKCE, resource
// indicators, signed access tokens with a session id, refresh tokens that rotate.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

import Provider from "oidc-provider";

import { afterwards } from "./harness.js";

/** How long PromptDB takes a token beyond its end. */
const LEEWAY_S = 30;
/** How long the first token of a sign-in is good, so that a test sees it end. */
const FIRST_TOKEN_S = 3;

/** Starts a server that ends with the test `t`. */
export async function startAuthorizationServer(t) {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://localhost:${server.address().port}`;
  const issued = [];
  const provider = new Provider(url, configuration(issued));
  server.on("request", provider.callback());
  afterwards(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return { url, issued };
}

function configuration(issued) {
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
        // AuthKit names the session; the first token ends soon, those of a refresh do not.
        jwt(ctx, token, { payload }) {
          const grant = ctx.oidc.params.grant_type;
          payload.sid = `session_${token.grantId}`;
          payload.exp = payload.iat + (grant === "refresh_token" ? 3600 : FIRST_TOKEN_S - LEEWAY_S);
          issued.push({ grant, audience: payload.aud, client: token.clientId });
        },
      },
    },
  };
}
