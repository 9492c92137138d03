// What a person sees of a chat beside its cards: messages and the composer.

/**
 * Returns an element of the page.
 *
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} type
 */
export function find(selector, type) {
  const element = document.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`the page has no ${selector}`);
  return element;
}

export class Talk {
  #messages = find("#messages", HTMLElement);

  composer = find("#composer", HTMLTextAreaElement);

  /**
   * Adds a message.
   *
   * @param {"user" | "assistant"} role
   * @param {string} text
   */
  post(role, text) {
    const message = document.createElement("p");
    message.className = role;
    message.textContent = text;
    this.#messages.append(message);
  }

  /** Adds the place of a card, and returns it. */
  addPlace() {
    const place = document.createElement("div");
    place.className = "card";
    this.#messages.append(place);
    return place;
  }
}
