import HTTPTypes

extension FramingCase {
    private static func says(_ fields: String, version: String = "1.1") -> String {
        ok("Content-Length: 5\r\n\(fields)", "hello", version: version)
    }

    private static func case11(_ fields: String, lives: Bool) -> FramingCase {
        .init("1.1 with \(fields.replacing("\r\n", with: " | "))", says(fields), .hello, lives: lives)
    }

    private static func case10(_ fields: String, lives: Bool) -> FramingCase {
        .init("1.0 with \(fields.replacing("\r\n", with: " | "))", says(fields, version: "1.0"), .hello, lives: lives)
    }

    static let connections: [FramingCase] = [
        case11("Connection: close", lives: false),
        case11("Connection: CLOSE", lives: false),
        case11("Connection: keep-alive, close", lives: false),
        case11("Connection: keep-alive\r\nConnection: close", lives: false),
        case11("Connection: ,, close ,", lives: false),
        case11("Connection: close, Upgrade\r\nUpgrade: h2c", lives: false),
        case11("Connection: keep-alive", lives: true),
        case11("Connection:", lives: true),
        case11("Connection: closed", lives: true),
        case11("Connection: not close", lives: true),
        case11("Connection: \"close\"", lives: true),
        case11("X-Connection: close", lives: true),
        case11("Proxy-Connection: close", lives: true),
        case11("Upgrade: h2c\r\nConnection: Upgrade", lives: true),
        case11("Connection: close\r\nKeep-Alive: timeout=60", lives: false),
        case11("Keep-Alive: timeout=60", lives: true),
        case11("Keep-Alive: timeout=60, max=100", lives: true),
        case11("Keep-Alive: TIMEOUT = \"60\"", lives: true),
        case11("Keep-Alive: timeout=3", lives: true),
        case11("Keep-Alive: timeout=2", lives: false),
        case11("Keep-Alive: timeout=1", lives: false),
        case11("Keep-Alive: timeout=0", lives: false),
        case11("Keep-Alive: max=5, timeout=1", lives: false),
        case11("Keep-Alive: timeout=60, max=1", lives: false),
        case11("Keep-Alive: max=0", lives: false),
        case11("Keep-Alive: timeout=-1", lives: true),
        case11("Keep-Alive: timeout=soon", lives: true),
        case11("Keep-Alive: timeout", lives: true),
        case11("Keep-Alive: xtimeout=1", lives: true),
        case11("Keep-Alive: timeout=99999999999999999999999999", lives: true),
        case10("Server: old", lives: false),
        case10("Connection: close", lives: false),
        case10("Connection: keep-alive", lives: true),
        case10("Connection: Keep-Alive", lives: true),
        case10("Connection: keep-alive\r\nKeep-Alive: timeout=60", lives: true),
        case10("Connection: keep-alive\r\nKeep-Alive: timeout=1", lives: false),
        case10("Connection: keep-alive, close", lives: false),
        case10("Proxy-Connection: keep-alive", lives: false),
        case10("Keep-Alive: timeout=60", lives: false),
        .init("1.0 without a length", ok("Connection: keep-alive", "hello", version: "1.0"), then: .closes, .hello),
        .init("1.0 and HEAD", ok("Connection: keep-alive", version: "1.0"), .head, .body("")),
        .init("1.0 and 204", "HTTP/1.0 204 No Content\r\nConnection: keep-alive\r\n\r\n", .body("")),
    ]
}
