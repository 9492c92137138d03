/** Lints of the styles. */
export default {
  extends: ["stylelint-config-standard"],
  rules: {
    // Tokens stand in groups.
    "custom-property-empty-line-before": null,
    // Rules stand by part of the page; a narrow window's come last.
    "no-descending-specificity": null,
    // Safari on a phone knows no other name.
    "property-no-vendor-prefix": [true, { ignoreProperties: ["-webkit-text-size-adjust"] }],
  },
};
