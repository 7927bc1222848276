//! Asks ONNX Runtime which execution provider took which nodes of a graph.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::ptr;

use ort::AsPointer;
use ort::session::Session;

/// Execution provider -> operator -> number of nodes.
pub(super) type Assignment = BTreeMap<String, BTreeMap<String, usize>>;

/// The session option that makes ONNX Runtime keep this knowledge.
pub(super) const RECORD: (&str, &str) = ("session.record_ep_graph_assignment_info", "1");

/// What runs where in `session`, which must have been built with [`RECORD`].
pub(super) fn of(session: &Session) -> ort::Result<Assignment> {
    let api = ort::api();
    let mut assignment = Assignment::new();
    let (mut subgraphs, mut subgraph_count) = (ptr::null(), 0);
    // SAFETY: the calls follow ONNX Runtime's interface. All pointers they give
    // out belong to the session, which outlives this function; lengths come
    // from the call that gave the pointer.
    unsafe {
        check((api.Session_GetEpGraphAssignmentInfo)(
            session.ptr(),
            &mut subgraphs,
            &mut subgraph_count,
        ))?;
        for &subgraph in slice(subgraphs, subgraph_count) {
            let mut provider = ptr::null();
            check((api.EpAssignedSubgraph_GetEpName)(subgraph, &mut provider))?;
            let operators = assignment.entry(text(provider)).or_default();
            let (mut nodes, mut node_count) = (ptr::null(), 0);
            check((api.EpAssignedSubgraph_GetNodes)(
                subgraph,
                &mut nodes,
                &mut node_count,
            ))?;
            for &node in slice(nodes, node_count) {
                let mut operator = ptr::null();
                check((api.EpAssignedNode_GetOperatorType)(node, &mut operator))?;
                *operators.entry(text(operator)).or_default() += 1;
            }
        }
    }
    Ok(assignment)
}

unsafe fn check(status: ort_sys::OrtStatusPtr) -> ort::Result<()> {
    // SAFETY: the status is fresh from a call and is handed over for good.
    unsafe { ort::Error::result_from_status(status) }
}

/// ONNX Runtime gives a null pointer for an empty list, which Rust's slices do not allow.
unsafe fn slice<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if first.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: not null, and `count` long by the caller's word.
    unsafe { std::slice::from_raw_parts(first, count) }
}

unsafe fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: zero-terminated and alive by the caller's word.
    unsafe { CStr::from_ptr(string) }
        .to_string_lossy()
        .into_owned()
}
