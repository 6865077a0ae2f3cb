import HTTPTypes

extension FramingCase {
    private static func head(_ status: String, _ fields: String = "", _ body: String = "") -> String {
        "HTTP/1.1 \(status)\r\n\(fields.isEmpty ? "" : "\(fields)\r\n")\r\n\(body)"
    }

    private static let five = "Content-Length: 5"
    private static let coded = "Transfer-Encoding: chunked"
    private static let final = ok(five, "hello")

    static let statuses: [FramingCase] = [
        .init("HEAD with a length", ok(five), .head, .body("")),
        .init("HEAD with length 0", ok("Content-Length: 0"), .head, .body("")),
        .init("HEAD with chunks", ok(coded), .head, .body("")),
        .init("HEAD with nothing", ok(""), .head, .body("")),
        .init("HEAD and 404", head("404 Not Found", five), .head, .body("")),
        .init("HEAD and 204", head("204 No Content"), .head, .body("")),
        .init("HEAD and 304", head("304 Not Modified", five), .head, .body("")),
        .init("HEAD behind 103", head("103 Early Hints") + ok(five), .head, .body("")),
        .init("HEAD with a body", ok(five, "hello"), .head, .body(""), lives: false),
        .init("HEAD with chunks that come", chunked("5\r\nhello\r\n0\r\n\r\n"), .head, .body(""), lives: false),
        .init("HEAD and close", ok("\(five)\r\nConnection: close"), .head, .body(""), lives: false),
        .init("HEAD and the end", ok(five), .head, then: .closes, .body("")),
        .init("HEAD with half a head", "HTTP/1.1 200 OK\r\n", .head, then: .closes, .truncated),
        .init("HEAD with two lengths", ok("\(five)\r\nContent-Length: 4"), .head, .malformed),
        .init("HEAD with a length and chunks", ok("\(five)\r\n\(coded)"), .head, .malformed),
        .init("HEAD with a negative length", ok("Content-Length: -5"), .head, .malformed),
        .init("OPTIONS", ok("Content-Length: 0"), .options, .body("")),
        .init("DELETE", ok(five, "hello"), .delete, .hello),
        .init("DELETE and 204", head("204 No Content"), .delete, .body("")),
        .init("PUT and 201", head("201 Created", "Content-Length: 0\r\nLocation: /a"), .put, .body("")),
        .init("POST without a body", ok(five, "hello"), .post, .hello),
        .init("PATCH and chunks", chunked("5\r\nhello\r\n0\r\n\r\n"), .patch, .hello),
        .init("TRACE", ok(five, "hello"), .trace, .hello),

        .init("204", head("204 No Content"), .body("")),
        .init("204 with length 0", head("204 No Content", "Content-Length: 0"), .body("")),
        .init("204 with a length", head("204 No Content", five), .body("")),
        .init("204 with a length and a body", head("204 No Content", five, "hello"), .body(""), lives: false),
        .init("204 with chunks", head("204 No Content", coded, "0\r\n\r\n"), .body(""), lives: false),
        .init("204 and a second response", head("204 No Content") + final, .body(""), lives: false),
        .init("205 with length 0", head("205 Reset Content", "Content-Length: 0"), .body("")),
        .init("205 with a body", head("205 Reset Content", five, "hello"), .hello),
        .init("205 with no chunks", head("205 Reset Content", coded, "0\r\n\r\n"), .body("")),
        .init("205 with nothing, and the end", head("205 Reset Content"), then: .closes, .body("")),
        .init("304", head("304 Not Modified", "ETag: \"a\""), .body("")),
        .init("304 with a length", head("304 Not Modified", five), .body("")),
        .init("304 with chunks", head("304 Not Modified", coded), .body("")),
        .init("304 with a body", head("304 Not Modified", five, "hello"), .body(""), lives: false),
        .init("301", head("301 Moved Permanently", "Location: /b\r\n\(five)", "hello"), .hello),
        .init("300 without a length, and the end", head("300 Multiple Choices", "", "hello"), then: .closes, .hello),
        .init("401", head("401 Unauthorized", "WWW-Authenticate: Basic\r\n\(five)", "hello"), .hello),
        .init("407", head("407 Proxy Authentication Required", five, "hello"), .hello),
        .init("426", head("426 Upgrade Required", "Upgrade: TLS/1.3\r\n\(five)", "hello"), .hello),
        .init("500 in chunks", head("500 Oops", coded, "5\r\nhello\r\n0\r\n\r\n"), .hello),
        .init("503 without a length, and the end", head("503 Busy", "", "hello"), then: .closes, .hello),
        .init(
            "408 that closes", head("408 Request Timeout", "\(five)\r\nConnection: close", "hello"), .hello,
            lives: false),

        .init("100 unasked", head("100 Continue") + final, .hello),
        .init("100 without a reason", head("100") + final, .hello),
        .init("100 with fields", head("100 Continue", "X: a\r\nDate: now") + final, .hello),
        .init("100 with a length", head("100 Continue", five) + final, .hello),
        .init("100 with chunks", head("100 Continue", coded) + final, .hello),
        .init("100 that closes", head("100 Continue", "Connection: close") + final, .hello),
        .init("100 with a body", head("100 Continue", five, "hello") + final, .malformed),
        .init("102 twice", head("102 Processing") + head("102 Processing") + final, .hello),
        .init("103", head("103 Early Hints", "Link: </a>; rel=preload") + final, .hello),
        .init("199", head("199 Odd") + final, .hello),
        .init("100 in HTTP/1.0", "HTTP/1.0 100 Continue\r\n\r\n" + final, .hello),
        .init("100 before HTTP/1.0", head("100 Continue") + ok(five, "hello", version: "1.0"), .hello, lives: false),
        .init("100 and the end", head("100 Continue"), then: .closes, .truncated),
        .init("100 and garbage", head("100 Continue") + "garbage", .malformed),
        .init("100 and an empty line", head("100 Continue") + "\r\n" + final, .malformed),
        .init("100 two hundred times", String(repeating: head("100 Continue"), count: 200) + final, .hello),
        .init("a flood of 100", String(repeating: head("100 Continue"), count: 4000) + final, .tooLarge),
        .init(
            "a flood of 103", String(repeating: head("103 Hints", "Link: \(text("a", 8000))"), count: 9) + final,
            .tooLarge),
        .init("101 unasked", head("101 Switching Protocols", "Upgrade: h2c\r\nConnection: Upgrade"), .malformed),
        .init("101 unasked, and a response", head("101 Switching Protocols") + final, .malformed),
        .init("101 behind 100", head("100 Continue") + head("101 Switching Protocols"), .malformed),
    ]
}
