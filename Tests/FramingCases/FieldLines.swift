extension FramingCase {
    private static func field(_ line: String) -> String { ok("Content-Length: 5\r\n\(line)", "hello") }

    /// A head of `count` bytes.
    private static func head(_ count: Int) -> String {
        let rest = ok("Content-Length: 5\r\nX-Long: ").unicodeScalars.count
        return ok("Content-Length: 5\r\nX-Long: \(text("a", count - rest))", "hello")
    }

    private static func fields(_ count: Int) -> String {
        ok("Content-Length: 5" + (1..<count).map { "\r\nX-\($0): \($0)" }.joined(), "hello")
    }

    static let fieldLines: [FramingCase] = [
        .init("a field without a value", field("X:"), .hello),
        .init("a field of blanks", field("X: \t \t"), .hello),
        .init("a value without a space before", field("X:a"), .hello),
        .init("a value between blanks", field("X: \t a\tb \t"), .hello),
        .init("a value beyond ASCII", field("X: D\u{E9}j\u{E0} vu"), .hello),
        .init("a value with colons and quotes", field("X: \"a:b\\\"\" (c)"), .hello),
        .init("every character of a token", field("!#$%&'*+-.^_`|~09azAZ: x"), .hello),
        .init("a name of 8 KiB", field("\(text("n", 8 << 10)): x"), .hello),
        .init("the same field twice", field("X: a\r\nX: b"), .hello),
        .init("a field of all heads' last bytes", field("X: \r\n"), .body("\r\nhel"), lives: false),
        .init("a space before the colon", field("X : a"), .malformed),
        .init("a tab before the colon", field("X\t: a"), .malformed),
        .init("a space before the colon of Content-Length", ok("Content-Length : 5", "hello"), .malformed),
        .init("a space in a name", field("X Y: a"), .malformed),
        .init("no colon", field("nonsense"), .malformed),
        .init("no name", field(": a"), .malformed),
        .init("a pseudo-header", field(":status: 200"), .malformed),
        .init("a name beyond ASCII", field("X\u{E9}: a"), .malformed),
        .init("a name in parentheses", field("(X): a"), .malformed),
        .init("a name with a NUL", field("X\0: a"), .malformed),
        .init("a folded line", field("X: a\r\n b"), .malformed),
        .init("a line folded by a tab", field("X: a\r\n\tb"), .malformed),
        .init("a folded Content-Length", ok("Content-Length:\r\n 5", "hello"), .malformed),
        .init("a folded Transfer-Encoding", chunked("0\r\n\r\n", "Transfer-Encoding:\r\n chunked"), .malformed),
        .init("a first line that is folded", "HTTP/1.1 200 OK\r\n X: a\r\n\r\n", .malformed),
        .init("a line of blanks", field("X: a\r\n \t"), .malformed),
        .init("a NUL in a value", field("X: a\0b"), .malformed),
        .init("a DEL in a value", field("X: a\u{7F}b"), .malformed),
        .init("a control character in a value", field("X: a\u{1B}[2J"), .malformed),
        .init("a bare CR in a value", field("X: a\rb"), .malformed),
        .init("a bare CR that hides a field", field("X: a\rContent-Length: 1"), .malformed),
        .init("two CRs before the LF", field("X: a\r"), .malformed),
        .init("LF alone behind a field", "HTTP/1.1 200 OK\r\nX: a\nContent-Length: 5\r\n\r\nhello", .malformed),
        .init("LF alone behind the head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\nhello", .malformed),
        .init("CR alone behind the head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\rhello\r\n\r\n", .malformed),
        .init("a head of 16 KiB", head(16 << 10), .hello),
        .init("a head of 16 KiB and a byte", head((16 << 10) + 1), .tooLarge),
        .init("a head without end", "HTTP/1.1 200 OK\r\nX: \(text("a", 64 << 10))", .tooLarge),
        .init(
            "a head of short lines without end",
            "HTTP/1.1 200 OK\r\n\(text("a", 1 << 10)): b\r\n"
                + String(repeating: "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", count: 400),
            .tooLarge),
        .init("256 fields", fields(256), .hello),
        .init("257 fields", fields(257), .malformed),
    ]
}
