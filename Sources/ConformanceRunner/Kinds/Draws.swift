import Firefinch

/// The kinds `random` and `rng_exact`: one call after seeding the default generator.
struct RandomCase {
  let name: String
  let json: JSONValue
  let table: Table
  let decoder: Decoder

  func run() throws -> [(String, JSONValue)] {
    let args = try (json["args"]?.elements ?? []).map(decoder.decode)
    let kwargs = try (json["kwargs"]?.members ?? []).map { ($0.name, try decoder.decode($0.value)) }
    let leaves = try withErrors {
      manualSeed(json["seed"]?.integer ?? 0)
      return try withNoGrad { try table.call(name, args, kwargs).leaves }
    }
    return [("outputs", .array(leaves.map(\.json)))]
  }
}
