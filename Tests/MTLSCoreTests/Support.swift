import HTTPTypes
import Testing

@testable import MTLSCore

extension Deadline {
    static let start = Deadline(nanoseconds: 1_000_000_000_000)

    static func seconds(_ seconds: Double) -> Deadline { start + .seconds(seconds) }
}

func testOrigin() throws -> Origin { try Origin(host: "api.example") }

func testError(_ code: MTLSError.Code = .connectFailed) -> MTLSError {
    MTLSError(code, phase: .connect, fault: .network, "it failed")
}

/// The code of the error that `body` throws.
func code(of body: () throws -> Void) -> MTLSError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? MTLSError)?.code
    }
}

/// The error that `body` throws.
func thrownError(_ body: () throws -> Void) throws -> MTLSError {
    try #require(throws: MTLSError.self) { try body() }
}

/// Splitmix64: the same numbers on every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func fields(_ pairs: [(String, String)]) throws -> HTTPFields {
    var fields = HTTPFields()
    for (name, value) in pairs {
        fields.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
    }
    return fields
}

func response(_ status: Int, _ pairs: (String, String)...) throws -> HTTPResponse {
    HTTPResponse(status: .init(code: status), headerFields: try fields(pairs))
}
