/** Names of controllers and methods as labels: whoever makes up ever new ones does not fill the memory of two systems. */

/** See above. */
export class BoundedNames {
  readonly #known = new Set<string>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** Both as they are, or as "other" when there are too many already. */
  of(controller: string, method: string): { readonly controller: string; readonly method: string } {
    const key = `${controller}/${method}`;
    if (!this.#known.has(key)) {
      if (this.#known.size >= this.#max) return { controller: 'other', method: 'other' };
      this.#known.add(key);
    }
    return { controller, method };
  }
}
