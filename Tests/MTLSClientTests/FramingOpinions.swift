/// Where NIO's decoder, which is llhttp, reads a response otherwise than we do, and why we do not follow.
enum FramingOpinions {
    private static let status = "it is laxer: RFC 9110 §15 has statuses from 100 on"
    private static let start = "it is laxer: RFC 9112 §2.2 lets servers, not clients, pass over an empty line"
    private static let control = "it is laxer: RFC 9112 §4 has no control characters in a reason"
    private static let limit = "its limits are larger, or none: row E8 has 16 KiB"
    private static let coding = "it is laxer: RFC 9112 §7 has one chunked, last, and what was not asked for is not sent"
    private static let old = "it is laxer: RFC 9112 §6.1 has the framing of HTTP/1.0 with chunks faulty"
    private static let upgrade = "a 101 that was not asked for is an end to it and an error to us (RFC 9110 §15.2.2)"
    private static let twice = "it is stricter: RFC 9110 §8.6 permits equal lengths, and curl and Go take them"

    static let reasons = [
        "status 099": status, "status 000": status,
        "RTSP": "it reads RTSP, too",
        "an empty line before": start, "a line feed before": start, "100 and an empty line": start,
        "a NUL in the reason": control, "a DEL in the reason": control,
        "a status line of 17 KiB": limit, "a head of 16 KiB and a byte": limit, "a flood of 100": limit,
        "a flood of 103": limit, "a trailer of 17 KiB": limit, "an extension of 5 KiB": limit,
        "a flood of extensions": limit, "many zeros before a size": limit,
        "a length between blanks": "it is stricter: RFC 9110 §5.5 takes blanks around a value away, tabs included",
        "the same length twice": twice, "the same length twice in a list": twice,
        "100 that closes": "it is stricter: of an interim response the final one does not depend",
        "100 in HTTP/1.0": "it is stricter, by taking the version of an interim response for the final one's",
        "101 unasked": upgrade, "101 unasked, and a response": upgrade, "101 behind 100": upgrade,
        "an extension between blanks": "it is stricter: RFC 9112 §7.1.1 says that blanks there must be read",
        "an extension beyond ASCII":
            "it is stricter: RFC 9110 §5.6.4 has bytes beyond ASCII in quotes, which we do not parse",
        "trailers that frame": "it is stricter: RFC 9110 §6.5.1 lets them be left out, as we do",
        "chunked twice": coding, "chunked in two fields": coding, "gzip and chunked": coding, "gzip": coding,
        "identity": coding, "an empty coding": coding,
        "chunks in HTTP/1.0": old, "chunks in HTTP/1.0 with keep-alive": old,
    ]
}
