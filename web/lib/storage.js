// The storage of the browser. It can be full or forbidden: then nothing is kept, and all else works.

/**
 * @typedef {object} Store
 * @property {(key: string) => string | null} read
 * @property {(key: string, value: string) => boolean} write Returns whether the value is kept.
 * @property {(key: string) => void} remove
 * @property {() => void} clear
 */

/**
 * @param {() => Storage} open Reading the property of `window` throws where storage is forbidden.
 * @returns {Store}
 */
function createStore(open) {
  /**
   * @template T
   * @param {(storage: Storage) => T} use
   * @param {T} otherwise
   */
  const attempt = (use, otherwise) => {
    try {
      return use(open());
    } catch {
      return otherwise;
    }
  };
  return {
    read: (key) => attempt((storage) => storage.getItem(key), null),
    write: (key, value) =>
      attempt((storage) => {
        storage.setItem(key, value);
        return true;
      }, false),
    remove: (key) => {
      attempt((storage) => {
        storage.removeItem(key);
      }, undefined);
    },
    clear: () => {
      attempt((storage) => {
        storage.clear();
      }, undefined);
    },
  };
}

/** Settings of this browser: they stay. */
export const settings = createStore(() => window.localStorage);

/** Drafts and places of this tab: they end with it, and survive a reload. */
export const tab = createStore(() => window.sessionStorage);
