import MTLSClient

/// Sends a body while it is being made, and reads the answer while it arrives.
func streaming(_ url: String) async throws {
    let client = try Client(
        url,
        identity: .pem(certificate: "pki/client.pem", key: "pki/client-key.pem"),
        trust: .pem("pki/ca.pem"))
    let lines = AsyncStream<[UInt8]> { continuation in
        for number in 1...10_000 { continuation.yield(Array("line \(number)\n".utf8)) }
        continuation.finish()
    }
    let response = try await client.post("/echo", body: .stream(lines))
    var count = 0
    for try await piece in response.body { count += piece.count }
    print(count)
    await client.shutdown()
}
