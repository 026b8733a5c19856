"""The methods of Tensor by family; each only turns its arguments into an operation's attributes and applies it.

They are mixed into `pyengine.Tensor`, which itself has the operators, the conversions and the gradient.
"""

from .choose import ChooseMethods
from .compare import CompareMethods
from .convert import ConvertMethods
from .elementwise import ElementwiseMethods
from .index import IndexMethods
from .inplace import InplaceMethods
from .join import JoinMethods
from .matmul import MatmulMethods
from .new import NewMethods
from .power import PowerMethods
from .reduce import ReduceMethods
from .sort import SortMethods
from .unary import UnaryMethods
from .views import ViewMethods

__all__ = [
    "ChooseMethods",
    "CompareMethods",
    "ConvertMethods",
    "ElementwiseMethods",
    "IndexMethods",
    "InplaceMethods",
    "JoinMethods",
    "MatmulMethods",
    "NewMethods",
    "PowerMethods",
    "ReduceMethods",
    "SortMethods",
    "UnaryMethods",
    "ViewMethods",
]
