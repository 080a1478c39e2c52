/** The virtualenv of examples/python-controller, made first if it is not there. */
export declare function ensurePython(): { readonly python: string; readonly generated: string };
