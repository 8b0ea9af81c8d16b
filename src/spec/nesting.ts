/**
 * The greatest depth of indexes in indexes, and of referrers of referrers. Real ones are at most two deep (a signature
 * of an SBOM), and an unlimited depth would allow an attack.
 */
export const maxNesting = 8;
