public import HTTPTypes

/// Whether redirects (RFC 9110 §15.4) are followed.
public struct RedirectSettings: Sendable {
    /// How many in a row; one more is the error ``MTLSError/Code/redirectLimit``. Zero: every redirect is an error.
    public var maximum: Int
    /// Fields that are not sent to another origin than the one they were given for, besides Authorization, Cookie and
    /// Proxy-Authorization, which never are.
    public var sensitiveFields: Set<HTTPField.Name>
    /// Told of each redirect before it is followed. What it throws, the request throws.
    public var willFollow: (@Sendable (Redirect) throws -> Void)?

    /// Follows redirects.
    ///
    /// 301 and 302 make POST a GET, 303 every method but HEAD; 307 and 308 send the same once more, which is an error when
    /// the body cannot be had again. From https to http is an error, and so is a loop. A response without a Location is
    /// returned as it is.
    ///
    /// A client certificate is shown to an origin that only a redirect has named when a rule of `Identity.perHost` names
    /// its host; an identity without a scope is for the origin that the caller named.
    public static func follow(
        maximum: Int = 5, sensitiveFields: Set<HTTPField.Name> = [],
        willFollow: (@Sendable (Redirect) throws -> Void)? = nil
    ) -> RedirectSettings {
        RedirectSettings(maximum: maximum, sensitiveFields: sensitiveFields, willFollow: willFollow)
    }
}

/// A redirect that is about to be followed.
public struct Redirect: Sendable {
    /// The URL that was asked.
    public let source: String
    /// What it answered.
    public let response: HTTPResponse
    /// The URL that is asked next, with the fragment of the former unless it has its own (RFC 9110 §10.2.2).
    public let target: String

    package init(source: String, response: HTTPResponse, target: String) {
        self.source = source
        self.response = response
        self.target = target
    }
}
