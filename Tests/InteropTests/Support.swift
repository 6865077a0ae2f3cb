import CommandSupport
import DevPKI
import Glibc
import MTLSClient
import Testing

extension IssuedIdentity {
    /// Itself as PEM in memory.
    func identity() throws -> Identity {
        .pem(certificate: certificatePEM, key: try keyPEM().withUnsafeBytes { Array($0) })
    }
}

extension TLSSettings {
    /// One version only.
    static func only(_ version: TLSVersion) -> TLSSettings {
        TLSSettings(minimumVersion: version, maximumVersion: version)
    }
}

extension TLSVersion {
    /// As OpenSSL calls it.
    var openSSLName: String { self == .v1_2 ? "TLSv1.2" : "TLSv1.3" }
}

extension Response {
    /// The body, for tests whose bodies are short.
    func text() async throws -> String { try await body.text(upTo: .mebibytes(1)) }
}

/// The error of a request that is to fail.
func failure<Result>(of request: () async throws -> Result) async throws -> MTLSError {
    let error = await #expect(throws: MTLSError.self) { _ = try await request() }
    return try #require(error)
}

/// Bytes without a pattern.
enum Noise {
    /// - Parameter count: A multiple of eight.
    static func bytes(_ count: Int) -> [UInt8] {
        var state = UInt64.random(in: 1 ... .max)
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let memory = UnsafeMutableRawBufferPointer(buffer)
            for offset in stride(from: 0, to: count, by: 8) {
                // Xorshift: a random generator of the system would take seconds.
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                memory.storeBytes(of: state, toByteOffset: offset, as: UInt64.self)
            }
            initialized = count
        }
    }
}

/// Whether two runs of bytes are the same, fast in a debug build.
func same(_ bytes: Bytes, _ expected: ArraySlice<UInt8>) -> Bool {
    guard bytes.count == expected.count else { return false }
    return bytes.withUnsafeBytes { left in
        expected.withUnsafeBytes { right in
            guard let left = left.baseAddress, let right = right.baseAddress else { return true }
            return memcmp(left, right, bytes.count) == 0
        }
    }
}
