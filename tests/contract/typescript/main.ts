// What an integrator would write against the generated types: it does not compile when the document is wrong.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[]; exit(code: number): never };
declare const console: { log(text: string): void };

type Problem = components["schemas"]["Problem"];

const [, , baseUrl = "", key = ""] = process.argv;
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });

function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

const customer = await client.POST("/v1/customers", { body: { name: "Ferretería Núñez", external_id: "C-TS" } });
check(customer.data !== undefined, "the customer was not created");

const created = await client.POST("/v1/invoices", {
  params: { header: { "Idempotency-Key": "invoice-of-the-typescript-client" } },
  body: {
    customer_external_id: "C-TS",
    number: "F-TS",
    currency: "MXN",
    total: "1160.00",
    issued_on: "2026-02-01",
    due_on: "2026-03-03",
  },
});
check(created.data !== undefined, "the invoice was not created");
check(created.data.open_amount === "1160.00", "the open amount is wrong");

const read = await client.GET("/v1/invoices/{invoice_id}", { params: { path: { invoice_id: created.data.id } } });
check(read.data !== undefined && read.data.customer_id === customer.data.id, "the invoice was not read back");
check(read.response.headers.get("etag") === `"${read.data.version}"`, "the version is not the ETag");

const refused = await client.POST("/v1/invoices", {
  body: {
    customer_external_id: "C-TS",
    number: "F-TS-2",
    currency: "MXN",
    total: "1160.001",
    issued_on: "2026-02-01",
    due_on: "2026-03-03",
  },
});
check(refused.error !== undefined, "a third decimal was taken");
const problem: Problem = refused.error;
check(problem.code === "validation_failed", `the code is ${problem.code}`);
check(problem.errors?.[0]?.pointer === "/total", "the problem does not name the field");

console.log(created.data.id);
