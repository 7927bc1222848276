/* ONNX Runtime with a fault in it: the real library, but for one run of an accelerator's graph.
 *
 * Built with REAL (path of the real library), FAULT (path of the order), API_SIZE (bytes of OrtApi)
 * and the places of six functions in it. An order is a file with a kind and a number, "nan 7": the
 * seventh run from now on fails in that way. Runs on other threads than the accelerator's are the
 * CPU's and are left alone. With threads of several accelerators in a process, it is the next of any.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { HANGS_FOR_SECONDS = 3, ORT_FAIL = 1 };

typedef struct {
    const char *(*get_api)(uint32_t version);
    const char *(*version)(void);
} ApiBase;
typedef void *(*RunBound)(void *session, const void *options, const void *binding);
typedef void *(*Run)(void *session, const void *options, const char *const *input_names, const void *const *inputs,
                     size_t input_count, const char *const *output_names, size_t output_count, void **outputs);
typedef void *(*CreateStatus)(int code, const char *message);
typedef void *(*GetAllocator)(void **allocator);
typedef void *(*GetOutputs)(const void *binding, void *allocator, void ***values, size_t *count);
typedef void *(*GetData)(void *value, void **data);

static const ApiBase *real_base;
static const char *real_api;
static _Alignas(16) char faulty_api[API_SIZE];

#define REAL_FUNCTION(type, place) (*(const type *)(real_api + (place)))

static void *spoil(void *value) {
    void *data, *failed;
    if ((failed = REAL_FUNCTION(GetData, GET_DATA)(value, &data))) return failed;
    *(float *)data = NAN;
    return NULL;
}

static void *spoil_bound(const void *binding) {
    void *allocator, **values, *failed;
    size_t count;
    if ((failed = REAL_FUNCTION(GetAllocator, GET_ALLOCATOR)(&allocator))) return failed;
    if ((failed = REAL_FUNCTION(GetOutputs, GET_OUTPUTS)(binding, allocator, &values, &count))) return failed;
    return spoil(values[0]);
}

/* What is to become of this run: a kind of fault, or nothing. One is waited for here. */
static const char *fault(void) {
    static char kind[16];
    static int left;
    char thread[16] = "";
    prctl(PR_GET_NAME, thread);
    if (strcmp(thread, "accelerator") != 0) return "";
    FILE *order = fopen(FAULT, "r");
    if (order) {
        if (fscanf(order, "%15s %d", kind, &left) != 2) left = 0;
        fclose(order);
        unlink(FAULT);
    }
    if (left == 0 || --left > 0) return "";
    if (strcmp(kind, "hang") == 0) sleep(HANGS_FOR_SECONDS);
    return kind;
}

static void *lost(void) { return REAL_FUNCTION(CreateStatus, CREATE_STATUS)(ORT_FAIL, "the device was lost"); }

static void *run_bound(void *session, const void *options, const void *binding) {
    const char *kind = fault();
    if (strcmp(kind, "error") == 0) return lost();
    void *status = REAL_FUNCTION(RunBound, RUN_BOUND)(session, options, binding);
    return strcmp(kind, "nan") == 0 && !status ? spoil_bound(binding) : status;
}

static void *run(void *session, const void *options, const char *const *input_names, const void *const *inputs,
                 size_t input_count, const char *const *output_names, size_t output_count, void **outputs) {
    const char *kind = fault();
    if (strcmp(kind, "error") == 0) return lost();
    void *status = REAL_FUNCTION(Run, RUN)(session, options, input_names, inputs, input_count, output_names,
                                           output_count, outputs);
    return strcmp(kind, "nan") == 0 && !status ? spoil(outputs[0]) : status;
}

static const char *get_api(uint32_t version) {
    const char *api = real_base->get_api(version);
    if (!api) return NULL;
    real_api = api;
    memcpy(faulty_api, api, API_SIZE);
    *(RunBound *)(faulty_api + RUN_BOUND) = run_bound;
    *(Run *)(faulty_api + RUN) = run;
    return faulty_api;
}

static const char *version(void) { return real_base->version(); }

const ApiBase *OrtGetApiBase(void) {
    static const ApiBase base = {get_api, version};
    void *library = dlopen(REAL, RTLD_NOW);
    const ApiBase *(*get_base)(void) = library ? (const ApiBase *(*)(void))dlsym(library, "OrtGetApiBase") : NULL;
    if (!get_base) return NULL;
    real_base = get_base();
    return &base;
}
