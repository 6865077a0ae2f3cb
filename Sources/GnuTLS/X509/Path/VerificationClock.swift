internal import CGnuTLS
#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// The clock by which GnuTLS verifies. It takes no time as an argument, but asks a function, on the caller's thread: what
/// is set here holds for that thread, as long as `body` runs.
enum VerificationClock {
    /// - Parameter time: In seconds since 1970 UTC.
    static func at<Result, Failure: Error>(
        _ time: Int64, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        GnuTLSGlobal.prepare()
        let memory = UnsafeMutablePointer<Int64>.allocate(capacity: 1)
        memory.initialize(to: time)
        let outer = pthread_getspecific(key)
        pthread_setspecific(key, memory)
        defer {
            pthread_setspecific(key, outer)
            memory.deallocate()
        }
        return try body()
    }

    /// Called once, before anything else looks at the clock.
    static func install() {
        gnutls_global_set_time_function { result in
            guard let set = pthread_getspecific(VerificationClock.key)?.assumingMemoryBound(to: Int64.self) else {
                return Glibc.time(result)
            }
            result?.pointee = time_t(set.pointee)
            return time_t(set.pointee)
        }
    }

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()
}

/// Now, in seconds since 1970 UTC.
package func secondsSince1970() -> Int64 { Int64(time(nil)) }
