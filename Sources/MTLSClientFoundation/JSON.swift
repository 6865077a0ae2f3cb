public import FoundationEssentials
public import MTLSClient

extension ResponseBody {
    /// The whole body, decoded from JSON.
    ///
    /// - Throws: `MTLSError` with the code `response.tooLarge` when there are more than `limit` bytes, what else reading
    ///   throws, or `DecodingError`.
    public func json<Value: Decodable>(
        as type: Value.Type = Value.self, upTo limit: ByteCount, decoder: JSONDecoder = JSONDecoder()
    ) async throws -> Value {
        try decoder.decode(type, from: Data(try await collect(upTo: limit)))
    }
}

extension RequestBody {
    /// A value, encoded as JSON. The field Content-Type is the caller's to set.
    ///
    /// - Throws: `EncodingError`.
    public static func json(_ value: some Encodable, encoder: JSONEncoder = JSONEncoder()) throws -> RequestBody {
        .bytes(try encoder.encode(value))
    }
}
