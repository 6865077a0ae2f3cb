/// Who named an origin. An identity that was given without a scope is for the origins that the caller names.
public enum ReachedBy: Sendable, Hashable {
    /// The caller, in the URL of a request.
    case caller
    /// A server, in the Location field of a redirect (RFC 9110 §10.2.2).
    case redirect
}
