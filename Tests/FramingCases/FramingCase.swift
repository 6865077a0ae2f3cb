package import HTTPTypes

/// A response as bytes, what it means, and whether the connection may serve another request after it.
package struct FramingCase: Sendable, CustomStringConvertible {
    /// What the server does behind the bytes.
    package enum Ending: Sendable {
        case staysOpen, closes, resets
    }

    package enum Meaning: Sendable, Equatable {
        case body(String)
        /// An error of this code.
        case fails(String)
    }

    package let name: String
    package let method: HTTPRequest.Method
    package let bytes: [UInt8]
    package let ending: Ending
    package let meaning: Meaning
    package let lives: Bool

    package var description: String { name }

    /// - Parameters:
    ///   - text: Each of its scalars is a byte.
    ///   - lives: Unless said, a response that means something leaves the connection alive, if the server does.
    init(
        _ name: String, _ text: String, _ method: HTTPRequest.Method, then ending: Ending = .staysOpen,
        _ meaning: Meaning, lives: Bool? = nil
    ) {
        self.name = name
        self.method = method
        bytes = text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        self.ending = ending
        self.meaning = meaning
        if case .body = meaning { self.lives = lives ?? (ending == .staysOpen) } else { self.lives = false }
    }

    /// The response to a GET.
    init(
        _ name: String, _ text: String, then ending: Ending = .staysOpen, _ meaning: Meaning, lives: Bool? = nil
    ) {
        self.init(name, text, .get, then: ending, meaning, lives: lives)
    }

    package static let all = statusLines + fieldLines + lengths + statuses + chunks + connections

    /// A 200 with these field lines and this body.
    static func ok(_ fields: String, _ body: String = "", version: String = "1.1") -> String {
        "HTTP/\(version) 200 OK\r\n\(fields.isEmpty ? "" : "\(fields)\r\n")\r\n\(body)"
    }

    static func chunked(_ body: String, _ fields: String = "Transfer-Encoding: chunked") -> String { ok(fields, body) }

    static func text(_ character: Character, _ count: Int) -> String { String(repeating: character, count: count) }
}

extension FramingCase.Meaning {
    static let malformed = Self.fails("response.malformed")
    static let truncated = Self.fails("response.truncated")
    static let empty = Self.fails("response.empty")
    static let tooLarge = Self.fails("response.headTooLarge")
    static let hello = Self.body("hello")
}
