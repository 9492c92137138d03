// The addresses of the pages of one prompt or candidate.

/** @param {string | { name: string }} prompt The prompt, or its name. */
export function promptAddress(prompt) {
  const name = typeof prompt === "string" ? prompt : prompt.name;
  return `/app/p/${encodeURIComponent(name)}`;
}

/** @param {string} id */
export function candidateAddress(id) {
  return `/app/review/${encodeURIComponent(id)}`;
}
