// The two functions of the library of differences that the pages use; loaded with the first comparison.

export { diffLines, diffWordsWithSpace } from "diff";
