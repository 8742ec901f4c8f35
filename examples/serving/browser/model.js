// Answers rows by a folder that `ordain export RUN --format onnx --output model` wrote.
// Nothing of a row leaves the page: the model runs in ONNX Runtime, compiled to WebAssembly.

const READERS = {
  number: (value) => {
    if (value === null || value === undefined || value === "") return NaN;
    return Number(value); // NaN is missing: text that is no number, too
  },
  label: (value) => (value === null || value === undefined ? "" : String(value).trim()),
};

export class Model {
  /** ort: the module of onnxruntime-web; session: of model.onnx; told: interface.json. */
  constructor(ort, session, told) {
    const outside = told.inputs.filter((one) => !(one.meaning in READERS));
    if (outside.length) {
      const names = outside.map((one) => one.column || one.name).join(", ");
      throw new Error(`${names}: encoded outside of the graph, which a page cannot do`);
    }
    if (told.derived.length) {
      throw new Error(`${told.derived.join(", ")}: computed before the graph, by DuckDB`);
    }
    Object.assign(this, { ort, session, told });
  }

  /** Returns the model of a folder on this server. */
  static async open(ort, folder) {
    const told = await (await fetch(`${folder}/interface.json`)).json();
    const graph = new Uint8Array(await (await fetch(`${folder}/model.onnx`)).arrayBuffer());
    return new Model(ort, await ort.InferenceSession.create(graph), told);
  }

  /** Returns one object of answers a row; a field that is not there is missing. */
  async predict(rows) {
    const { Tensor } = this.ort;
    const fed = {};
    for (const { name, column, meaning } of this.told.inputs) {
      const values = rows.map((row) => READERS[meaning](row[column]));
      fed[name] = meaning === "number"
        ? new Tensor("float64", Float64Array.from(values), [rows.length])
        : new Tensor("string", values, [rows.length]);
    }
    const found = await this.session.run(fed);
    return rows.map((_, place) => Object.fromEntries(
      this.session.outputNames.map((name) => [name, plain(found[name], place)]),
    ));
  }
}

function plain(tensor, place) {
  const value = tensor.data[place];
  if (tensor.type === "bool") return Boolean(value);
  return typeof value === "bigint" ? Number(value) : value;
}
