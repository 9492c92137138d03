/** Whether the page reloads itself: set by the build. */
declare const RELOADS: boolean;
