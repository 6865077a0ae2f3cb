// libcurl, by its easy interface for one request at a time, by its multi interface for several. Linked twice: with the
// library on OpenSSL and with the one on GnuTLS.
#include "driver.h"

#include <curl/curl.h>

static const char *mode;
static long long upload_size, upload_left;
static long errors, resumed;
static char piece[65536];
static CURLSH *shared_sessions;

struct transfer {
    CURL *handle;
    double started;
    long long received;
    char first; // of the body
};

static size_t receive(char *data, size_t unit, size_t count, void *context)
{
    struct transfer *transfer = context;
    if (!transfer->received && count) transfer->first = data[0];
    transfer->received += (long long)(unit * count);
    return unit * count;
}

static size_t supply(char *data, size_t unit, size_t count, void *context)
{
    (void)context;
    long long size = (long long)(unit * count);
    if (size > upload_left) size = upload_left;
    if (size > (long long)sizeof piece) size = sizeof piece;
    memcpy(data, piece, (size_t)size);
    upload_left -= size;
    return (size_t)size;
}

static int is(const char *name) { return !strcmp(mode, name); }

static void set_identity(CURL *handle)
{
    const char *engine = option("engine", NULL);
    if (engine) {
        if (curl_easy_setopt(handle, CURLOPT_SSLENGINE, engine)) {
            fprintf(stderr, "the engine %s cannot be loaded\n", engine);
            exit(1);
        }
        curl_easy_setopt(handle, CURLOPT_SSLKEYTYPE, "ENG");
    }
    curl_easy_setopt(handle, CURLOPT_SSLCERT, option("cert", ""));
    curl_easy_setopt(handle, CURLOPT_SSLKEY, option("key", ""));
}

static void set_up(struct transfer *transfer)
{
    CURL *handle = transfer->handle = curl_easy_init();
    curl_easy_setopt(handle, CURLOPT_URL, option("url", ""));
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(handle, CURLOPT_CAINFO, option("ca", ""));
    // Debian's builds would read all of /etc/ssl/certs besides, for every connection.
    curl_easy_setopt(handle, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT, 120L);
    curl_easy_setopt(handle, CURLOPT_MAXCONNECTS, 2000L);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(handle, CURLOPT_PRIVATE, transfer);
    set_identity(handle);
    if (is("full") || is("resumed")) curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
    if (is("full")) curl_easy_setopt(handle, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    if (is("resumed")) curl_easy_setopt(handle, CURLOPT_SHARE, shared_sessions);
    if (is("up")) {
        curl_easy_setopt(handle, CURLOPT_POST, 1L);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)upload_size);
        curl_easy_setopt(handle, CURLOPT_READFUNCTION, supply);
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, curl_slist_append(NULL, "Expect:"));
    }
}

static void start(struct transfer *transfer)
{
    transfer->received = 0;
    transfer->first = 0;
    transfer->started = seconds_now();
    upload_left = upload_size;
}

static void finish(struct transfer *transfer, CURLcode code, struct result *result)
{
    long status = 0;
    if (result->latencies) result->latencies[result->requests] = seconds_now() - transfer->started;
    result->requests++;
    result->bytes += transfer->received;
    curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
    if (code || status != 200) {
        if (!errors++) fprintf(stderr, "%s, status %ld\n", curl_easy_strerror(code), status);
    }
    if (transfer->first == 'r') resumed++;
}

static void one_at_a_time(struct transfer *transfer, long count, struct result *result)
{
    for (long i = 0; i < count; i++) {
        start(transfer);
        finish(transfer, curl_easy_perform(transfer->handle), result);
    }
}

static void several_at_a_time(
    struct transfer *transfers, long concurrency, CURLM *multi, long count, struct result *result)
{
    long started = 0, finished = 0;
    for (; started < concurrency && started < count; started++) {
        start(&transfers[started]);
        curl_multi_add_handle(multi, transfers[started].handle);
    }
    while (finished < count) {
        int running, queued, any = 0;
        CURLMsg *message;
        curl_multi_perform(multi, &running);
        while ((message = curl_multi_info_read(multi, &queued))) {
            if (message->msg != CURLMSG_DONE) continue;
            struct transfer *transfer;
            CURLcode code = message->data.result;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
            finish(transfer, code, result);
            finished++;
            any = 1;
            curl_multi_remove_handle(multi, transfer->handle);
            if (started < count) {
                started++;
                start(transfer);
                curl_multi_add_handle(multi, transfer->handle);
            }
        }
        if (!any && finished < count) curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
}

int main(int count, char **arguments)
{
    option_count = count;
    option_list = arguments;
    mode = option("mode", "get");
    curl_global_init(CURL_GLOBAL_ALL);
    if (is("version")) {
        printf("%s\n", curl_version());
        return 0;
    }
    long requests = number("requests", 1), warm_up = number("warm-up", 0);
    long concurrency = is("idle") ? requests : number("concurrency", 1);
    upload_size = is("up") ? number("size", 0) : 0;
    memset(piece, 'a', sizeof piece);
    shared_sessions = curl_share_init();
    curl_share_setopt(shared_sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    CURLM *multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 2000L);
    struct transfer *transfers = calloc((size_t)concurrency, sizeof *transfers);
    for (long i = 0; i < concurrency; i++) set_up(&transfers[i]);

    struct result none = {0}, result = {0};
    if (concurrency > 1) {
        several_at_a_time(transfers, concurrency, multi, warm_up, &none);
    } else {
        one_at_a_time(transfers, warm_up, &none);
    }
    errors = resumed = 0;
    if (is("idle")) {
        result.base_kib = resident_kib();
    } else {
        result.latencies = calloc((size_t)requests + 1, sizeof(double));
    }
    begin(&result);
    if (concurrency > 1) {
        several_at_a_time(transfers, concurrency, multi, requests, &result);
    } else {
        one_at_a_time(transfers, requests, &result);
    }
    end(&result);
    result.errors = errors;
    result.resumed = resumed;
    if (is("up")) result.bytes = upload_size * requests;
    if (is("idle")) {
        usleep(300000);
        result.kib = resident_kib();
    }
    print_result(&result);
    if (is("idle")) sleep((unsigned)number("hold", 0));
    _exit(errors != 0);
}
